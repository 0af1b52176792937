import { createHash, sign } from 'node:crypto'
import type { JsonValue } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { certificateEntry } from '../../log/hashedrekord.ts'
import { entryRequest } from '../../log/rekor/send.ts'
import { requestTimestamp } from '../../log/timestamp/client.ts'
import { bundleMediaType } from '../../sign/bundle.ts'
import { pae } from '../../sign/dsse.ts'
import type { TrustedRoot } from '../../sign/trusted-root.ts'
import { payloadType } from '../../statement/types.ts'
import type { Artifact } from '../artifact.ts'
import { wholePattern } from '../identity.ts'
import { readBundle } from '../read.ts'
import { verifyBundle, type VerifiedBundle } from '../verify.ts'
import { requestCertificate, withSlash, type KeylessKey } from './certificate.ts'
import { postJson } from './post.ts'
import type { SigningServices } from './signing-config.ts'

/** What is signed: a file, or the payload of a statement. */
export type KeylessContent = { kind: 'message'; bytes: Uint8Array } | { kind: 'statement'; payload: Uint8Array }

export interface KeylessRequest {
  services: SigningServices
  /** Identity token; a secret. */
  token: string
  /** By which the new bundle is verified before it is given back. */
  root: TrustedRoot
  /** What the bundle has to be about. */
  artifact: Artifact
}

/**
 * Signs without a key of one's own: certificate from Fulcio, entry in Rekor v2, RFC 3161 time stamp; all in a bundle v0.3, which is verified as every
 * reader would before it is given back. A statement is logged as the hash of its PAE: newer Rekors take nothing else.
 *
 * @throws TransportError, InputError; VerificationError where a service gave what the trusted root does not vouch for
 */
export async function signKeyless(
  content: KeylessContent,
  { services, token, root, artifact }: KeylessRequest,
  ports: Ports,
): Promise<{ bundle: Buffer; verified: VerifiedBundle }> {
  const key = await requestCertificate(services.authority, token, ports)
  const bytes = content.kind === 'message' ? content.bytes : pae(payloadType, content.payload)
  const signature = sign('sha256', bytes, key.privateKey)
  const digest = createHash('sha256').update(bytes).digest()
  const [entry, stamp] = await Promise.all([
    services.log === null ? null : logSignature(services.log, key, digest, signature, ports),
    services.timestamp === null ? null : requestTimestamp(services.timestamp, signature, ports),
  ])
  const bundle = Buffer.from(
    JSON.stringify({
      mediaType: bundleMediaType,
      verificationMaterial: {
        certificate: { rawBytes: toBase64(key.certificate.bytes) },
        tlogEntries: entry === null ? [] : [entry],
        timestampVerificationData: {
          rfc3161Timestamps: stamp === null ? [] : [{ signedTimestamp: toBase64(stamp.response) }],
        },
      },
      ...(content.kind === 'message'
        ? {
            messageSignature: {
              messageDigest: { algorithm: 'SHA2_256', digest: toBase64(digest) },
              signature: toBase64(signature),
            },
          }
        : {
            dsseEnvelope: {
              payload: toBase64(content.payload),
              payloadType,
              signatures: [{ sig: toBase64(signature) }],
            },
          }),
    }),
  )
  const verified = verifyBundle(readBundle(bundle), artifact, {
    signer: { kind: 'identity', rules: [{ name: 'self', issuer: key.issuer, san: wholePattern('.+'), claims: {} }] },
    root,
    entries: entry === null ? 0 : 1,
    now: new Date(ports.clock.now().getTime() + clockToleranceMs),
  })
  return { bundle, verified }
}

/** The clock of an authority may be ahead of ours. */
const clockToleranceMs = 60_000

/** @returns the entry as the log answered it */
async function logSignature(
  log: URL,
  { certificate }: KeylessKey,
  digest: Buffer,
  signature: Buffer,
  ports: Ports,
): Promise<JsonValue> {
  const answer = await postJson(
    new URL('api/v2/log/entries', withSlash(log)),
    entryRequest(certificateEntry(digest, signature, certificate.bytes)),
    ports,
  )
  return answer.whole()
}
