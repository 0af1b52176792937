import { VerificationError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { sha256 } from '../base/streams.ts'
import type { Digest } from '../oci/types.ts'
import type { PublicKey } from '../sign/public-key.ts'
import { claimKindOf, isVerdictType } from '../statement/claims/types.ts'
import type { StatementKind } from '../statement/types.ts'
import type { VerifyContext } from '../tee/verify/verifier.ts'
import type { Admission } from './admitted.ts'
import { readAttached } from './attached.ts'
import type { Attached, JobKey, Lacks } from './attached-types.ts'
import { CertificateSigners } from './certificate-signers.ts'
import { nothingFound, type Gate, type Subject } from './candidate.ts'
import { headsOf, sorted } from './candidates.ts'
import { isEncrypted } from './encrypted.ts'
import { readEvidence, type Evidence } from './evidence.ts'
import type { FoundContent } from './found-content.ts'
import { lazyContent, sealedContent, type ImageOpener } from './image-content.ts'
import { Notes } from './notes.ts'
import type { PolicyClaim } from './policy/claims.ts'
import type { Policy } from './policy/load.ts'
import { identityId, receiverId } from './identity-id.ts'
import { countsBy, legacySigners, signingParties, type LegacySigners, type PinnedKey } from './parties.ts'
import { neededKinds, requiredKinds } from './required.ts'
import { runSteps, type Judged } from './run-steps.ts'
import { sealTime } from './seal-time.ts'
import type { Claim } from './statements.ts'
import { purgedContent } from './status/purged.ts'
import { judgeStatus, type JudgedStatus } from './status/judge.ts'

/** What is the same for every manifest of one question. */
export interface Question {
  ports: Ports
  policy: Policy
  at: Date
  context: VerifyContext
  nonce: string | null
  opener: ImageOpener | undefined
  /** What the gate found in images before, in this run. */
  foundContent?: FoundContent | undefined
  /** Where the key of encrypted layers comes from, as the verdict's inputs name it. */
  keySource?: string | undefined
  /** What the caller wants to find, so that a tag moved back is seen (TRUST §5.13). */
  expect?: Gate['expect']
  /** Tag that was asked for; null where a digest was. */
  tag?: string | null | undefined
  /** What is remembered of the log that the policy pins. */
  history?: Gate['history']
  admit: Admission
  /** The same for jobs whose agents sign promotion records; absent where the policy names none. */
  receive?: Admission | undefined
  releaseKeys: readonly PinnedKey[]
  /** Keys by which claims of other parties count, and nothing else. */
  claimKeys: readonly PublicKey[]
}

/** Runs that do not count and are judged all the same, for the reason of a refusal. */
const refused = 4

/**
 * Judges one manifest (TRUST §5.2). Candidates are keys with a token that the policy admits and a statement of theirs over this image; the
 * newest is judged first, and the first that passes every check decides. Without any, what comes closest is judged for its reason.
 *
 * @throws TransportError when the store does not answer
 */
export async function judgeManifest(subject: Subject, question: Question): Promise<Judged> {
  const { policy } = question
  const notes = new Notes()
  const [named] = subject.via
  const { digest } = subject.descriptor
  const targets = named === undefined ? [digest] : [digest, named]
  const certificates = new CertificateSigners(policy, question.at)
  const known = { keys: question.releaseKeys, certificates, identities: policy.identities.map(({ rule }) => rule.name) }
  const { trustedRoot } = policy
  const identities = policy.claims.flatMap((claim) => claim.identities)
  const receivers = {
    certificates:
      identities.length === 0 ? null : new CertificateSigners({ identities, trustedRoot }, question.at, receiverId),
    admit: question.receive ?? null,
  }
  const lacks = lacksOf(subject, targets, question, certificates)
  const { store } = subject
  const { releaseKeys, claimKeys, admit } = question
  const readBy = [...new Map([...releaseKeys, ...claimKeys].map((key) => [key.pem, key])).values()]
  const { time, log } = policy
  const attached = await readAttached(store, targets, readBy, certificates, admit, notes, lacks, time, log, receivers)
  const legacy = await legacySigners(store, targets, known)
  const parties = signingParties(attached.claims, legacy, known)
  noteClaims(attached, notes)
  const purged = await purgedContent(subject, policy, question.at)
  const content = lazyContent(subject, question.opener, question.ports, question.foundContent)
  // Journals of two candidates may name two plain forms.
  const standing = new Map<string, Promise<readonly JudgedStatus[]>>()
  const status: Gate['status'] = (plain, foreign) => {
    const name = JSON.stringify([plain, foreign?.plain, foreign?.admission?.inputs])
    const known = standing.get(name) ?? judgeStatus(subject, policy, question.at, plain, foreign)
    standing.set(name, known)
    return known
  }
  const judge = (one: Pick<Gate, 'evidence' | 'evidenceError' | 'key' | 'counts'>): Promise<Judged> => {
    const { key } = one
    // Without evidence each of the parties that vouch for the image speaks for it; none of them is more than another.
    const ids = key === null ? [] : key.source === 'release' ? parties.map(({ id }) => id) : [key.pem]
    const signed = attached.claims.filter((claim) => ids.some((id) => countsBy(claim, id, releaseKeys)))
    if (key?.source === 'release')
      for (const claim of signed) if (claim.subject !== null && !isNeeded(claim)) notes.add('unneeded', claim.manifest)
    return runSteps({
      ...question,
      ...one,
      subject,
      claims: attached.claims,
      broken: attached.broken,
      sightings: attached.sightings,
      foreignClaims: attached.foreignClaims,
      notes,
      jobKeys: attached.keys,
      evidenceKeys: attached.keys.map(({ key: { thumbprint } }) => thumbprint),
      mine: signed.filter((claim) => claim.subject !== null && (key?.source !== 'release' || isNeeded(claim))),
      elsewhere: signed.filter((claim) => claim.subject === null),
      parties,
      certificates,
      sealedContent: purged ?? sealedContent(subject, question.opener),
      sealedBy: purged === null ? 'accept-unchecked-content' : 'accept-purged-layers',
      content,
      status,
      found: nothingFound({
        inputs: keyInput(subject, question),
        sealTime: one.evidence === null ? null : sealTime(one.evidence, signed),
      }),
    })
  }
  // A pinned key of people may sign what it likes beside: a kind that nobody asks for is not judged.
  const needed = neededKinds({ policy, subject })
  const isNeeded = ({ kind }: Claim): boolean => kind !== null && (kind === 'sign' || needed.includes(kind))

  const judged: Judged[] = []
  const judgeKey = async (job: JobKey, counts: boolean): Promise<boolean> => {
    for (const { manifest, subject: target } of headsOf(job, attached)) {
      const { evidence, error } = await read(subject, manifest, target)
      const { thumbprint, pem } = job.key
      const found = await judge({
        evidence,
        evidenceError: error,
        key: { source: 'evidence', pem, id: thumbprint },
        counts,
      })
      judged.push(found)
      if (found.verified) return true
    }
    return false
  }
  const { candidates, others } = sorted(attached)
  for (const [i, job] of candidates.entries()) {
    if (!(await judgeKey(job, true))) continue
    for (const rest of candidates.slice(i + 1)) for (const { manifest } of rest.heads) notes.add('older', manifest)
    break
  }
  if (candidates.length === 0) for (const job of others.slice(0, refused)) await judgeKey(job, false)
  // A pinned key alone counts only where nothing with evidence does; without any candidate this says what is missing.
  const [party] = parties.length < policy.threshold ? [] : parties
  const pinned = party !== undefined && policy.accepts.has('accept-signature-only')
  for (const { heads } of others) for (const { manifest } of heads) notes.add('evidence', manifest)
  // A signature of somebody else, or one that speaks not for the image, is another matter than none.
  if (judged.length === 0 && parties.length === 0) {
    for (const [manifest, kind] of legacy.others) notes.add(kind, manifest)
    for (const claim of attached.claims)
      if (claim.subject !== null && releaseKeys.some(({ pem }) => countsBy(claim, pem, releaseKeys)))
        notes.add('unneeded', claim.manifest)
  }
  if (judged.length === 0 || (pinned && !judged.some(({ verified }) => verified))) {
    judged.push(
      await judge({
        evidence: null,
        evidenceError: null,
        key: pinned ? { source: 'release', pem: party.id, id: party.name } : null,
        counts: pinned,
      }),
    )
  }
  return best(judged)
}

/**
 * Whether a pinned key's word on the image is missing still: its signature, and what the policy requires where such a key may count alone. No journal
 * names what it signed, so large documents are read until this is found.
 */
function lacksOf(
  subject: Subject,
  targets: readonly Digest[],
  { policy, releaseKeys }: Question,
  certificates: CertificateSigners,
): Lacks {
  let legacy: Promise<LegacySigners> | null = null
  const identities = policy.identities.map(({ rule }) => rule.name)
  const known = { keys: releaseKeys, certificates, identities }
  const ids = new Set([...releaseKeys.map(({ pem }) => pem), ...identities.map(identityId)])
  const countingIds = (claim: Claim): string[] => [...ids].filter((id) => countsBy(claim, id, releaseKeys))
  return async (claims) => {
    if (policy.claims.some((rule) => rule.keys.length > 0 && !claims.some((claim) => isClaimBy(claim, rule))))
      return true
    if (ids.size === 0) return false
    const mine = claims.filter(
      (claim) => !isVerdictType(claim.predicateType) && claim.subject !== null && countingIds(claim).length > 0,
    )
    if (signingParties(claims, noLegacy, known).length < policy.threshold) {
      const found = await (legacy ??= legacySigners(subject.store, targets, known))
      if (signingParties(claims, found, known).length < policy.threshold) return true
    }
    const counts = policy.accepts.has('accept-signature-only')
    return counts && requiredKinds({ policy, subject }).some((kinds) => !mine.some(({ kind }) => isAmong(kind, kinds)))
  }
}

const noLegacy: LegacySigners = { keys: new Set(), fits: [], others: new Map() }

function isClaimBy({ predicateType, subject, signers }: Claim, { kind, keys, jobs }: PolicyClaim): boolean {
  // What the agent of a job signed is named by its sealed journal.
  const isTheirs = jobs.length > 0 || signers.some((pem) => keys.includes(pem))
  return subject !== null && claimKindOf(predicateType) === kind && isTheirs
}

function isAmong(kind: Claim['kind'], kinds: readonly StatementKind[]): boolean {
  return kind !== null && kinds.includes(kind)
}

/** Where the key came from is among what the verdict rests on (TRUST §4). */
function keyInput({ image }: Subject, { opener, keySource }: Question): NonNullable<Gate['found']['inputs']> {
  if (image === null || !isEncrypted(image) || opener === undefined || keySource === undefined) return []
  return [{ kind: 'key-source', digest: sha256(keySource) }]
}

async function read(
  { store }: Subject,
  manifest: Digest,
  target: Digest,
): Promise<{ evidence: Evidence | null; error: VerificationError | null }> {
  try {
    return { evidence: await readEvidence(store, manifest, target), error: null }
  } catch (error) {
    if (!(error instanceof VerificationError)) throw error
    return { evidence: null, error }
  }
}

function noteClaims({ claims }: Attached, notes: Notes): void {
  for (const { subject, manifest, statement } of claims) {
    if (subject === null) notes.add('elsewhere', manifest)
    else if (statement.predicateText !== undefined) notes.add('text', manifest)
  }
}

/** The first that passed everything, else the one with the most passed checks: the most telling refusal. */
function best(judged: readonly Judged[]): Judged {
  const [first, ...rest] = judged
  if (first === undefined) throw new Error('nothing was judged')
  const score = (item: Judged): number => (item.verified ? Number.POSITIVE_INFINITY : item.passed)
  return rest.reduce((a, b) => (score(b) > score(a) ? b : a), first)
}
