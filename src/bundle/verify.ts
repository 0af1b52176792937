import { VerificationError } from '../base/errors.ts'
import { isWithin, windowText, type Window } from '../base/window.ts'

import { verifyLogEntry, type LoggedSignature, type LogProof } from '../log/rekor/verify.ts'
import { verifyTimestamp } from '../log/timestamp/verify.ts'
import { verifySignerPath, type SignerPath } from '../sign/certificate/chain.ts'
import { verifyCertificateTimestamps } from '../sign/certificate/sct.ts'
import { envelopePayload } from '../sign/dsse.ts'
import { describeKey, type PublicKey } from '../sign/public-key.ts'
import type { TrustedRoot } from '../sign/trusted-root.ts'
import type { Statement } from '../statement/types.ts'
import type { Artifact } from './artifact.ts'
import { checkContent, checkSignature } from './content.ts'
import { matchIdentity, readIdentity, type CertificateIdentity, type IdentityRule } from './identity.ts'
import type { SealedBundle } from './read.ts'

/** Whose signature counts. */
export type ExpectedSigner =
  { kind: 'key'; key: PublicKey; window?: Window | undefined } | { kind: 'identity'; rules: readonly IdentityRule[] }

export interface BundleRules {
  signer: ExpectedSigner
  /** Null for a key without logs and time stamps: then entries and stamps of the bundle are not looked at. */
  root: TrustedRoot | null
  /** Log entries that have to be there; 1 by default where there is a trusted root. */
  entries?: number | undefined
  /** Logs that must have promised to show the certificate; 1 by default. */
  certificateTimestamps?: number | undefined
  predicateTypes?: readonly string[] | undefined
  /** Nothing may be later than this. */
  now: Date
}

/** A time that somebody other than the signer vouches for. */
export interface TrustedTime {
  time: Date
  /** Milliseconds either way. */
  accuracyMs: number
  by: string
}

/** What a verified bundle proves. */
export interface VerifiedBundle {
  signer:
    | { kind: 'key'; hint: string }
    | {
        kind: 'certificate'
        identity: CertificateIdentity
        rule: IdentityRule
        path: SignerPath['path']
        authority: string
        /** Logs that promised to show the certificate. */
        certificateLogs: readonly string[]
      }
  /** Null for a bundle over an artifact. */
  statement: Statement | null
  times: readonly TrustedTime[]
  entries: readonly LogProof[]
  /** What was in the bundle and does not count, with the reason. */
  notes: readonly string[]
}

/**
 * Verifies a Sigstore bundle over an artifact. The steps stand in the order of Sigstore's client specification, except that the cheap ones, which
 * refuse what is not meant at all, come first: signer, signature, content, log, time, chain, certificate timestamps, identity.
 *
 * @throws VerificationError `key-mismatch` and `signature-invalid` (another key), `subject-mismatch`, `predicate-mismatch`, `log-invalid`,
 *   `time-unproven`, `expired`, `certificate-invalid`, `identity-mismatch`, `format-invalid`
 */
export function verifyBundle(bundle: SealedBundle, artifact: Artifact, rules: BundleRules): VerifiedBundle {
  const { material } = bundle
  const key = signerKey(bundle, rules.signer)
  const signature = checkSignature(bundle.content, key, artifact)
  const statement = checkContent(bundle.content, artifact, rules.predicateTypes)

  const notes: string[] = []
  const { root, signer, now } = rules
  if (root === null) {
    if (signer.kind === 'identity') throw new TypeError('an identity is verified with a trusted root')
    if (bundle.entries.length + bundle.timestamps.length > 0)
      notes.push('log entries and time stamps were not verified: no trusted root was given')
    return { signer: { kind: 'key', hint: key.hint }, statement, times: [], entries: [], notes }
  }
  const verifier =
    material.kind === 'certificate' ? material.leaf.bytes : key.object.export({ format: 'der', type: 'spki' })
  const entries = verifyEntries(bundle, { content: loggedContent(bundle, artifact), signature, verifier }, rules, notes)
  const times = trustedTimes(bundle, signature, entries, rules, notes)
  checkLogWindows(entries, times, now)
  if (material.kind === 'key' || signer.kind === 'key') {
    checkKeyWindow(signer, times, now)
    return { signer: { kind: 'key', hint: key.hint }, statement, times, entries, notes }
  }

  const [first] = times
  if (first === undefined) {
    throw new VerificationError(
      'time-unproven',
      `nothing that the trusted root names says when the certificate signed${notes.map((note) => `; ${note}`).join('')}`,
      { subject: 'bundle', remedy: 'Sign with a time stamp (RFC 3161), or with a log that has a time of its own.' },
    )
  }
  // Each of the times has to fit, taken as it is told: a certificate is minutes old when it signs, and authorities state seconds of accuracy.
  const paths = times.map(({ time }) =>
    verifySignerPath(material.leaf, material.others, root.certificateAuthorities, time),
  )
  const [path] = paths
  if (path === undefined) throw new TypeError('a time without a path')
  const shown = verifyCertificateTimestamps(material.leaf, path.issuer, root.ctlogs, rules.certificateTimestamps ?? 1)
  const identity = readIdentity(material.leaf)
  const rule = matchIdentity(identity, signer.rules)
  return {
    signer: {
      kind: 'certificate',
      identity,
      rule,
      path: path.path,
      authority: path.authority.name,
      certificateLogs: shown.map(({ baseUrl }) => baseUrl),
    },
    statement,
    times,
    entries,
    notes,
  }
}

/** The key that has to have signed: the pinned one, or the one of the certificate. */
function signerKey({ material }: SealedBundle, signer: ExpectedSigner): PublicKey {
  if (material.kind === 'key' && signer.kind === 'key') return signer.key
  if (material.kind === 'certificate' && signer.kind === 'identity')
    return describeKey(material.leaf.key, material.leaf.name)
  const why =
    signer.kind === 'key'
      ? 'a public key is expected to have signed, but the bundle is signed with a certificate'
      : 'an identity is expected to have signed, but the bundle is signed with a public key and names nobody'
  throw new VerificationError('key-mismatch', why, {
    subject: 'bundle',
    remedy: signer.kind === 'key' ? 'Give the identity and the issuer.' : 'Give the public key.',
  })
}

function loggedContent({ content }: SealedBundle, artifact: Artifact): LoggedSignature['content'] {
  if (content.kind === 'message') return { kind: 'artifact', digest: (hash) => artifact.digest(hash) }
  const { payloadType } = content.envelope
  return { kind: 'envelope', payloadType, payload: envelopePayload(content.envelope) }
}

function verifyEntries(
  bundle: SealedBundle,
  signed: LoggedSignature,
  { root, entries: least = 1, now }: BundleRules,
  notes: string[],
): LogProof[] {
  const logs = root?.tlogs ?? []
  const proofs: LogProof[] = []
  for (const entry of bundle.entries) {
    if (!logs.some(({ id }) => id.equals(entry.logId))) {
      notes.push(`the log entry ${entry.index} is from a log that the trusted root does not name`)
      continue
    }
    const proof = asLogFault(() => verifyLogEntry(entry, signed, logs))
    if (proof.time !== null && proof.time > now)
      throw logFault(`the log entry ${entry.index} is dated in the future (${proof.time.toISOString()})`)
    if (proofs.some(({ log, index }) => log.id.equals(proof.log.id) && index === proof.index))
      throw logFault(`the log entry ${entry.index} is there twice`)
    proofs.push(proof)
  }
  if (proofs.length < least) {
    const why = notes.length > 0 ? `; ${notes.join('; ')}` : ''
    throw logFault(`the bundle has ${proofs.length} entries of logs that are trusted; ${least} are required${why}`)
  }
  return proofs
}

/** Whatever is wrong with an entry, the reader needs to know that it was the entry. */
function asLogFault(verify: () => LogProof): LogProof {
  try {
    return verify()
  } catch (cause) {
    if (!(cause instanceof VerificationError) || cause.code === 'log-invalid') throw cause
    throw logFault(`a log entry does not hold: ${cause.message}`, cause)
  }
}

function logFault(why: string, cause?: unknown): VerificationError {
  return new VerificationError('log-invalid', why, { subject: 'log entry', cause })
}

function trustedTimes(
  bundle: SealedBundle,
  signature: Buffer,
  entries: readonly LogProof[],
  { root, now }: BundleRules,
  notes: string[],
): TrustedTime[] {
  const times: TrustedTime[] = entries.flatMap(({ time, log }) =>
    time === null ? [] : [{ time, accuracyMs: 0, by: log.baseUrl }],
  )
  for (const response of bundle.timestamps) {
    try {
      const { time, accuracyMs, authority } = verifyTimestamp(response, signature, root?.timestampAuthorities ?? [])
      if (time > now) throw new VerificationError('time-unproven', `it is dated in the future (${time.toISOString()})`)
      times.push({ time, accuracyMs, by: authority })
    } catch (error) {
      // Anybody can add a stamp: one that does not count is as good as none, and never worse.
      if (!(error instanceof VerificationError)) throw error
      notes.push(`a time stamp does not count: ${error.message}`)
    }
  }
  return times
}

/** A tiled log has no time of its own, so its key is judged at the times that others prove, else at the time of the verification. */
function checkLogWindows(entries: readonly LogProof[], times: readonly TrustedTime[], now: Date): void {
  for (const { log, index } of entries.filter(({ time }) => time === null)) {
    const at = times.length > 0 ? times.map(({ time }) => time) : [now]
    const outside = at.find((time) => !isWithin(log.window, time))
    if (outside !== undefined) {
      throw logFault(
        `the key of the log of entry ${index} is trusted ${windowText(log.window)}, not at ${outside.toISOString()}`,
      )
    }
  }
}

function checkKeyWindow(signer: ExpectedSigner, times: readonly TrustedTime[], now: Date): void {
  const window = signer.kind === 'key' ? signer.window : undefined
  if (window === undefined) return
  const at = times.length > 0 ? times.map(({ time }) => time) : [now]
  const outside = at.find((time) => !isWithin(window, time))
  if (outside !== undefined) {
    throw new VerificationError('expired', `the key counts ${windowText(window)}, not at ${outside.toISOString()}`, {
      subject: 'public key',
    })
  }
}
