import type { Log } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import type { Digest } from '../../oci/types.ts'
import { attachBundle } from '../../sign/attach.ts'
import { makeBundle } from '../../sign/bundle.ts'
import { signEnvelope, verifyEnvelope } from '../../sign/dsse.ts'
import { findCosignSignatures, findStatements, type FoundSignature, type FoundStatement } from '../../sign/find.ts'
import { attachCosignAttestation, attachCosignSignature } from '../../sign/legacy.ts'
import { loadPublicKey, verifySignature } from '../../sign/public-key.ts'
import type { ClaimKind } from '../../statement/claims/types.ts'
import { predicateTypeOf } from '../../statement/statement.ts'
import type { Envelope, Signer, StatementKind } from '../../statement/types.ts'
import type { Published } from './source.ts'

/** One attached thing, for `receipts-path` and the summary. */
export interface Receipt {
  kind: StatementKind | ClaimKind | 'inventory-document' | 'evidence-bundle' | 'image-signature'
  signer: 'agent' | 'key' | null
  /** Digest of the payload, or of the document. */
  payload: Digest
  /** Manifest that holds it. */
  manifest: Digest
  state: 'added' | 'present'
}

/** Who signs, by a public key that existing statements can be checked with. */
export type Identity = Pick<Signer, 'hint' | 'publicKeyPem'> & { name: 'agent' | 'key' }

export interface StatementWriter {
  readonly receipts: Receipt[]
  readonly bundles: Buffer[]
  /** Attaches a payload with the envelope that `sign` gives, unless it is attached already and verifies under the same key. */
  statement(
    kind: StatementKind | ClaimKind,
    payload: Buffer,
    by: Identity,
    sign: () => Promise<Envelope>,
  ): Promise<void>
  /** As {@link statement}, for a simple-signing payload; written by {@link StatementWriter.finish}. */
  imageSignature(payload: Buffer, by: Identity, sign: () => Promise<Buffer>): Promise<void>
  /** Writes the legacy tags, each with one write. */
  finish(): Promise<void>
}

/**
 * Writes statements beside those that are there. Idempotent by payload and key (INTERFACE §7): signatures are randomised, payloads are not.
 * What others attached, readable or not, neither stops nor changes ours.
 */
export async function openWriter(
  { store, descriptor }: Published,
  legacy: { att: boolean; sig: boolean },
  log: Log,
): Promise<StatementWriter> {
  const onBroken = ({ manifest }: { manifest: Digest }): void =>
    log.debug(`an attached document in ${manifest} cannot be read`)
  const existing = await findStatements(store, descriptor, { onBroken })
  const signatures = legacy.sig ? await findCosignSignatures(store, descriptor, { onBroken }) : []
  const receipts: Receipt[] = []
  const bundles: Buffer[] = []
  const newAttestations: { envelope: Envelope; predicateType: string }[] = []
  const newSignatures: { payload: Buffer; signature: Buffer; receipt: Receipt }[] = []

  return {
    receipts,
    bundles,
    async statement(kind, payload, by, sign) {
      const digest = sha256(payload)
      const predicateType = predicateTypeOf(kind)
      const same = existing.filter((found) => found.payloadDigest === digest && isBy(found, by))
      const referrer = same.find(({ origin }) => origin === 'referrer')
      const envelope = (referrer ?? same[0])?.envelope ?? (await sign())
      const bundle = makeBundle(envelope, by.hint)
      const manifest = referrer?.manifest ?? (await attachBundle(store, descriptor, bundle, predicateType)).digest
      bundles.push(bundle)
      receipts.push({
        kind,
        signer: by.name,
        payload: digest,
        manifest,
        state: referrer === undefined ? 'added' : 'present',
      })
      // The bundle of an image signature has its legacy counterpart in the .sig tag.
      const attested = same.some(({ origin }) => origin === 'att')
      if (legacy.att && kind !== 'sign' && !attested) newAttestations.push({ envelope, predicateType })
    },
    async imageSignature(payload, by, sign) {
      if (!legacy.sig) return
      const receipt = { kind: 'image-signature', signer: by.name, payload: sha256(payload) } as const
      const found = signatures.find((signature) => isSignatureBy(signature, payload, by))
      if (found !== undefined) receipts.push({ ...receipt, manifest: found.manifest, state: 'present' })
      else
        newSignatures.push({
          payload,
          signature: await sign(),
          receipt: { ...receipt, manifest: receipt.payload, state: 'added' },
        })
    },
    async finish() {
      if (newAttestations.length > 0) await attachCosignAttestation(store, descriptor, newAttestations)
      if (newSignatures.length === 0) return
      const { digest } = await attachCosignSignature(store, descriptor, newSignatures)
      for (const { receipt } of newSignatures) receipts.push({ ...receipt, manifest: digest })
    },
  }
}

/** A plain key as a signer of statements. */
export function keyEnvelope(payload: Buffer, signer: Signer): () => Promise<Envelope> {
  return () => signEnvelope(payload, signer)
}

function isBy(found: FoundStatement, by: Identity): boolean {
  try {
    verifyEnvelope(found.envelope, by.publicKeyPem)
    return true
  } catch {
    return false
  }
}

function isSignatureBy(found: FoundSignature, payload: Buffer, by: Identity): boolean {
  return found.payload.equals(payload) && verifySignature(loadPublicKey(by.publicKeyPem), payload, found.signature)
}
