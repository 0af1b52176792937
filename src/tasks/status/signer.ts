import { asInput } from '../../base/as-input.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { Descriptor, Digest, Store } from '../../oci/types.ts'
import { signEnvelope, signersOf } from '../../sign/dsse.ts'
import { findCosignSignatures, findStatements } from '../../sign/find.ts'
import { loadPublicKey, verifySignature } from '../../sign/public-key.ts'
import { openSigner } from '../../sign/signers/open.ts'
import type { KeySource } from '../../sign/signers/types.ts'
import { parseTrustedRoot } from '../../sign/trusted-root.ts'
import { isVerdictType } from '../../statement/claims/types.ts'
import { speaksOf } from '../../statement/statement.ts'
import { CertificateSigners } from '../../verify/certificate-signers.ts'
import type { NoticeTrust } from '../../verify/status/read.ts'
import { openKeylessSigner, type KeylessRequest } from '../sign/keyless.ts'
import { keyedSigner, type StatementSigner } from '../sign/signer.ts'
import { timeStamperFor } from '../sign/time-stamp.ts'

/** Who signs notices: a key of people or a keyless identity, never the agent of a job, whose key ends with the job. */
export type NoticeSigning = { key: KeySource; timestamp: URL | null } | { keyless: KeylessRequest }

export interface NoticeSigner {
  readonly publicKeyPem: string | null
  /** Whom earlier statements of this signer are known by. */
  readonly trust: NoticeTrust
  of(subject: Digest): StatementSigner
}

/** @throws InputError, TransportError as each kind of signer does */
export async function openNoticeSigner(signing: NoticeSigning, ports: Ports): Promise<NoticeSigner> {
  if ('key' in signing) {
    const signer = await openSigner(signing.key, ports)
    const stamper = await timeStamperFor(signing.timestamp, null, [signer.publicKeyPem], ports)
    const keyed = keyedSigner({ ...signer, name: 'key' }, (payload) => signEnvelope(payload, signer), {
      stamper,
      signatureLog: null,
    })
    const publicKeys = [loadPublicKey(signer.publicKeyPem)]
    return {
      publicKeyPem: signer.publicKeyPem,
      trust: { publicKeys, identities: [], trustedRoot: null },
      of: () => keyed,
    }
  }
  const { trustedRoot: bytes } = signing.keyless
  const trustedRoot =
    bytes === null
      ? await (await import('../../sign/public-root.ts')).publicGoodRoot()
      : asInput('trusted-root', () => parseTrustedRoot(bytes))
  const keyless = await openKeylessSigner(signing.keyless, null, [], ports)
  const { issuer, san } = keyless.identity
  const rule = { name: 'this signer', issuer, san: { exact: san.value }, claims: {} }
  const identities = [{ rule, window: { notBefore: null, notAfter: null } }]
  return { publicKeyPem: null, trust: { publicKeys: [], identities, trustedRoot }, of: keyless.statementsOf }
}

/**
 * Refuses a signer that vouches for the image. cosign checks no predicate types: to a consumer that pins the signer a revocation would be one more
 * signature of the image (TRUST §4).
 *
 * @param input that names the signer, for the error
 * @throws InputError `input-invalid`
 */
export async function requireApart(
  store: Store,
  subject: Descriptor,
  { trust }: NoticeSigner,
  at: Date,
  input: string,
): Promise<void> {
  const { digest } = subject
  const certificates = new CertificateSigners(trust, at)
  const onBroken = (): void => {}
  const statements = await findStatements(store, subject, { onBroken })
  const attested = statements.find(
    (found) =>
      !isVerdictType(found.predicateType) &&
      speaksOf(found.statement, digest) &&
      (signersOf(found.envelope, found.payload, trust.publicKeys).length > 0 ||
        certificates.signersOf(found, [found], [digest]) !== null),
  )
  const signatures = await findCosignSignatures(store, subject, { onBroken })
  const signed = signatures.find(
    (found) =>
      found.claims.digest === digest &&
      (trust.publicKeys.some((key) => verifySignature(key, found.payload, found.signature)) ||
        certificates.signersOfLegacy(found) !== null),
  )
  const where = attested?.manifest ?? signed?.manifest
  if (where === undefined) return
  throw new InputError(
    'input-invalid',
    `the signer vouches for the image itself (${where}): consumers that pin it and check no predicate types would take a revocation for a signature of the image`,
    {
      subject: input,
      remedy: `Set \`${input}\` to another one, which signs no images, and name that key in the section status of the policy.`,
    },
  )
}
