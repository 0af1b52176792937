import type { Log } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import type { Digest } from '../../oci/types.ts'
import { attachBundle } from '../../sign/attach.ts'
import { findCosignSignatures, findStatements, type FoundSignature } from '../../sign/find.ts'
import { attachCosignAttestation, attachCosignSignature, legacyTag } from '../../sign/legacy.ts'
import { internalAnnotations, isPublishable } from '../../sign/publishable.ts'
import { loadPublicKey, verifySignature } from '../../sign/public-key.ts'
import { predicateTypeOf, type WrittenKind } from '../../statement/statement.ts'
import type { Envelope } from '../../statement/types.ts'
import { otherNamesWarning } from './other-names.ts'
import type { KeyIdentity, StatementSigner } from './signer.ts'
import type { Published } from './source.ts'

/** One attached thing, for `receipts-path` and the summary. */
export interface Receipt {
  kind:
    | WrittenKind
    | 'inventory-document'
    | 'evidence-bundle'
    | 'image-signature'
    | 'notation-signature'
    | 'scitt-statement'
  signer: StatementSigner['name'] | null
  /** Digest of the payload, or of the document. */
  payload: Digest
  /** Manifest that holds it. */
  manifest: Digest
  state: 'added' | 'present'
}

export interface StatementWriter {
  readonly receipts: Receipt[]
  readonly bundles: Buffer[]
  /**
   * Attaches a payload with the bundle that its signer gives, unless a complete one of this signer is attached already. Where services are asked for
   * stamps and log entries, it is attached by {@link StatementWriter.settle}, since they are asked side by side.
   */
  statement(kind: WrittenKind, payload: Buffer, by: StatementSigner): Promise<void>
  /** As {@link statement}, for a simple-signing payload; written by {@link StatementWriter.finish}. */
  imageSignature(payload: Buffer, by: KeyIdentity, sign: () => Promise<Buffer>): Promise<void>
  /** Waits for the stamps of all statements so far and attaches these, in the order in which they were handed in. */
  settle(): Promise<void>
  /** Writes the legacy tags, each with one write. */
  finish(): Promise<void>
  /**
   * Looks for what this run added under the legacy tags, and adds again what another writer has lost. The store looks after the bundles.
   *
   * @returns whether everything was there
   */
  confirm(): Promise<boolean>
  /** What {@link confirm} looks for. */
  readonly names: readonly string[]
}

/** What a writer is told beside the image. */
export interface WriterOptions {
  legacy: { att: boolean; sig: boolean }
  /** Kinds of statements that are marked as internal, and that no `.att` tag gets: that tag goes along as a whole. */
  internal?: readonly WrittenKind[]
  log: Log
}

/**
 * Writes statements beside those that are there. Idempotent by payload and signer (INTERFACE §7): signatures are randomised, payloads are not.
 * What others attached, readable or not, neither stops nor changes ours.
 */
export async function openWriter(
  { store, descriptor }: Pick<Published, 'store' | 'descriptor'>,
  { legacy, internal = [], log }: WriterOptions,
): Promise<StatementWriter> {
  const onBroken = ({ manifest }: { manifest: Digest }): void =>
    log.debug(`an attached document in ${manifest} cannot be read`)
  const existing = await findStatements(store, descriptor, { onBroken })
  const signatures = legacy.sig ? await findCosignSignatures(store, descriptor, { onBroken }) : []
  const warnOfOthers = otherNamesWarning(signatures, log)
  const receipts: Receipt[] = []
  const bundles: Buffer[] = []
  const newAttestations: { envelope: Envelope; predicateType: string }[] = []
  const newSignatures: { payload: Buffer; signature: Buffer; receipt: Receipt }[] = []
  const isMarked = async (manifest: Digest): Promise<boolean> =>
    !isPublishable((await store.getManifest(manifest)).content.annotations, null)
  let waiting: (() => Promise<void>)[] = []
  const settle = async (): Promise<void> => {
    const now = waiting
    waiting = []
    // One after the other: a registry without the referrers API has one index for all of them.
    for (const attach of now) await attach()
  }

  return {
    receipts,
    bundles,
    settle,
    get names() {
      const named = (kind: 'att' | 'sig', count: number): string[] =>
        count === 0 ? [] : [`${count} under ${legacyTag(descriptor.digest, kind)}`]
      return [...named('att', newAttestations.length), ...named('sig', newSignatures.length)]
    },
    async statement(kind, payload, by) {
      const digest = sha256(payload)
      const predicateType = predicateTypeOf(kind)
      const same = existing.flatMap((found) => {
        const state = found.payloadDigest === digest ? by.judge(found) : null
        return state === null ? [] : [{ found, state }]
      })
      const referrers = same.filter(({ found }) => found.origin === 'referrer')
      const complete = referrers.find(({ state }) => state === 'complete')?.found
      const begun = (referrers[0] ?? same[0])?.found ?? null
      const { envelope, bundle } = complete === undefined ? await by.sign(payload, begun) : by.present(complete)
      // The bundle of an image signature has its legacy counterpart in the .sig tag.
      const attested = same.some(({ found }) => found.origin === 'att')
      const isInternal = internal.includes(kind)
      if (legacy.att && envelope !== null && kind !== 'sign' && !attested && !isInternal)
        newAttestations.push({ envelope, predicateType })
      const keep = (bytes: Buffer, manifest: Digest, state: Receipt['state']): void => {
        bundles.push(bytes)
        receipts.push({ kind, signer: by.name, payload: digest, manifest, state })
      }
      const attach = async (bytes: Buffer): Promise<void> =>
        keep(
          bytes,
          (await attachBundle(store, descriptor, bytes, predicateType, isInternal ? internalAnnotations : {})).digest,
          'added',
        )
      if (!Buffer.isBuffer(bundle)) {
        // It is awaited when its turn comes; until then its failure belongs to nobody.
        bundle.catch(() => {})
        waiting.push(async () => attach(await bundle))
      } else if (complete === undefined) await attach(bundle)
      else {
        keep(bundle, complete.manifest, 'present')
        if (isInternal && !(await isMarked(complete.manifest)))
          log.warn(`the ${kind} statement ${complete.manifest} is there already and is not marked as internal`)
      }
    },
    async imageSignature(payload, by, sign) {
      if (!legacy.sig) return
      warnOfOthers(payload)
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
      await settle()
      if (newAttestations.length > 0) await attachCosignAttestation(store, descriptor, newAttestations)
      if (newSignatures.length === 0) return
      const { manifest } = await attachCosignSignature(store, descriptor, newSignatures)
      for (const { receipt } of newSignatures) receipts.push({ ...receipt, manifest: manifest.digest })
    },
    async confirm() {
      const attested =
        newAttestations.length === 0 || !(await attachCosignAttestation(store, descriptor, newAttestations)).added
      if (newSignatures.length === 0) return attested
      const { manifest, added: lost } = await attachCosignSignature(store, descriptor, newSignatures)
      for (const receipt of receipts)
        if (receipt.kind === 'image-signature' && receipt.state === 'added') receipt.manifest = manifest.digest
      return attested && !lost
    },
  }
}

function isSignatureBy(found: FoundSignature, payload: Buffer, by: KeyIdentity): boolean {
  return found.payload.equals(payload) && verifySignature(loadPublicKey(by.publicKeyPem), payload, found.signature)
}
