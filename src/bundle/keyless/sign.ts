import { createHash, sign } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import type { JsonValue } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { certificateEntry, entryBody } from '../../log/hashedrekord.ts'
import { sendEntry } from '../../log/rekor/send.ts'
import type { TimeStamper } from '../../log/timestamp/time-stamper.ts'
import { makeCertificateBundle, type NewContent } from '../../sign/bundle.ts'
import { pae } from '../../sign/dsse.ts'
import type { TrustedRoot } from '../../sign/trusted-root.ts'
import { payloadType } from '../../statement/types.ts'
import type { Artifact } from '../artifact.ts'
import type { CertificateIdentity, IdentityRule } from '../identity.ts'
import { readBundle } from '../read.ts'
import { verifyBundle, type VerifiedBundle } from '../verify.ts'
import type { KeylessKey } from './certificate.ts'
import { certificateHolder } from './holder.ts'

/** What is signed: a file, or the payload of a statement. */
export type KeylessContent = { kind: 'message'; bytes: Uint8Array } | { kind: 'statement'; payload: Uint8Array }

export interface KeylessOptions {
  /** Fulcio, which issues the certificates. */
  authority: URL
  /** Rekor v2; null where no log is written. */
  log: URL | null
  /** Null where the configuration names no time stamp authority, which is refused. */
  stamper: TimeStamper | null
  /** By which certificates and bundles are verified before anybody gets them. */
  root: TrustedRoot
  /** Gives an identity token, a secret; asked once for each certificate. */
  token: () => Promise<string>
}

export interface KeylessSignature {
  bundle: Buffer
  verified: VerifiedBundle
}

/** Signs without a key of one's own, with one certificate for as long as it lasts. */
export interface KeylessSigner {
  /** Whom the certificate names; the same for every certificate of this signer. */
  readonly identity: CertificateIdentity
  /**
   * Signs, logs and stamps, and verifies the bundle as every reader would before it is given back. A statement is logged as the hash of its PAE:
   * newer Rekors accept nothing else.
   *
   * @param artifact what the bundle has to be about
   * @throws TransportError, InputError; VerificationError where a service gave what the trusted root does not vouch for
   */
  sign(content: KeylessContent, artifact: Artifact): Promise<KeylessSignature>
  /** Whether a bundle is by this identity, over this artifact, and has all that this signer would give it. */
  verifies(bundle: Uint8Array, artifact: Artifact): boolean
}

/**
 * Gets a certificate from Fulcio and checks it by the trusted root: nothing is signed, logged or published with one that readers would refuse.
 *
 * @throws TransportError `sigstore-error`; VerificationError `certificate-invalid`, `identity-mismatch`, `time-unproven` without a time stamp authority;
 *   InputError for a token that is none
 */
export async function openKeyless(options: KeylessOptions, ports: Ports): Promise<KeylessSigner> {
  const { log, stamper, root } = options
  // Rekor v2 has no time of its own, so nothing would prove that the certificate was valid when it signed.
  if (stamper === null)
    throw new VerificationError('time-unproven', 'the signing configuration names no time stamp authority', {
      subject: 'signing-config',
      remedy: 'Name an RFC 3161 service under tsaUrls: a certificate of minutes proves nothing without a trusted time.',
    })
  const holder = await certificateHolder(options, ports)
  const verify = (bundle: Uint8Array, artifact: Artifact): VerifiedBundle => {
    const rules: IdentityRule[] = [holder.rule]
    const now = new Date(ports.clock.now().getTime() + clockToleranceMs)
    const signer = { kind: 'identity', rules } as const
    return verifyBundle(readBundle(bundle), artifact, { signer, root, entries: log === null ? 0 : 1, now })
  }
  return {
    identity: holder.identity,
    sign: async (content, artifact) => {
      const { privateKey, certificate } = await holder.key()
      const bytes = content.kind === 'message' ? content.bytes : pae(payloadType, content.payload)
      const signature = sign('sha256', bytes, privateKey)
      const digest = createHash('sha256').update(bytes).digest()
      const [entry, stamp] = await Promise.all([
        log === null ? null : logSignature(log, digest, signature, certificate, ports),
        stamper.stamp(signature),
      ])
      const bundle = makeCertificateBundle(certificate.bytes, contentOf(content, digest, signature), {
        stamps: [stamp],
        logEntries: entry === null ? [] : [entry],
      })
      return { bundle, verified: verify(bundle, artifact) }
    },
    verifies: (bundle, artifact) => {
      try {
        verify(bundle, artifact)
        return true
      } catch (error) {
        if (error instanceof VerificationError) return false
        throw error
      }
    },
  }
}

/** The clock of an authority may be ahead of ours. */
const clockToleranceMs = 60_000

function contentOf(content: KeylessContent, digest: Buffer, signature: Buffer): NewContent {
  if (content.kind === 'message') return { digest, signature }
  const signatures = [{ sig: toBase64(signature), keyid: '' }]
  return { envelope: { payload: toBase64(content.payload), payloadType, signatures } }
}

/** @returns the entry as the log answered it */
function logSignature(
  log: URL,
  digest: Buffer,
  signature: Buffer,
  certificate: KeylessKey['certificate'],
  ports: Ports,
): Promise<JsonValue> {
  return sendEntry(log.href, entryBody(certificateEntry(digest, signature, certificate)), ports)
}
