import type { Log } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import { fromEitherBase64 } from '../../encoding/base64.ts'
import { isOwnStamp, type TimeStamper } from '../../log/timestamp/time-stamper.ts'
import { relist } from '../../oci/relist.ts'
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
import type { SignatureLog } from './log-signatures.ts'
import { otherNamesWarning } from './other-names.ts'
import type { Published } from './source.ts'

/** One attached thing, for `receipts-path` and the summary. */
export interface Receipt {
  kind:
    | StatementKind
    | ClaimKind
    | 'inventory-document'
    | 'evidence-bundle'
    | 'image-signature'
    | 'notation-signature'
    | 'scitt-statement'
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
  /**
   * Attaches a payload with the envelope that `sign` gives, unless it is attached already, verifies under the same key and has a time stamp where
   * stamps are asked for. Where they are, it is attached by {@link StatementWriter.settle}, since stamps are asked for side by side.
   */
  statement(
    kind: StatementKind | ClaimKind,
    payload: Buffer,
    by: Identity,
    sign: () => Promise<Envelope>,
  ): Promise<void>
  /** As {@link statement}, for a simple-signing payload; written by {@link StatementWriter.finish}. */
  imageSignature(payload: Buffer, by: Identity, sign: () => Promise<Buffer>): Promise<void>
  /** Waits for the stamps of all statements so far and attaches these, in the order in which they were handed in. */
  settle(): Promise<void>
  /** Writes the legacy tags, each with one write. */
  finish(): Promise<void>
  /**
   * Looks for all that this run added, and adds again what another writer's listing or tag has lost.
   *
   * @returns whether everything was there
   */
  confirm(): Promise<boolean>
}

/** What a writer is told beside the image. */
export interface WriterOptions {
  legacy: { att: boolean; sig: boolean }
  /** Null where nothing is stamped. */
  stamper: TimeStamper | null
  /** Null where nothing is logged. */
  signatureLog: SignatureLog | null
  log: Log
}

/**
 * Writes statements beside those that are there. Idempotent by payload and key (INTERFACE §7): signatures are randomised, payloads are not.
 * What others attached, readable or not, neither stops nor changes ours.
 */
export async function openWriter(
  { store, descriptor }: Published,
  { legacy, stamper, signatureLog, log }: WriterOptions,
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
    async statement(kind, payload, by, sign) {
      const digest = sha256(payload)
      const predicateType = predicateTypeOf(kind)
      const same = existing.filter((found) => found.payloadDigest === digest && isBy(found, by))
      const referrers = same.filter(({ origin }) => origin === 'referrer')
      const isLogged = (found: FoundStatement): boolean =>
        signatureLog === null || signatureLog.has(found.logEntries, found.envelope, by.publicKeyPem)
      const referrer = referrers.find((found) => (stamper === null || isStamped(found)) && isLogged(found))
      const envelope = (referrer ?? referrers[0] ?? same[0])?.envelope ?? (await sign())
      // The bundle of an image signature has its legacy counterpart in the .sig tag.
      const attested = same.some(({ origin }) => origin === 'att')
      if (legacy.att && kind !== 'sign' && !attested) newAttestations.push({ envelope, predicateType })
      const receipt = { kind, signer: by.name, payload: digest } as const
      const keep = (bundle: Buffer, manifest: Digest, state: Receipt['state']): void => {
        bundles.push(bundle)
        receipts.push({ ...receipt, manifest, state })
      }
      if (referrer !== undefined) {
        keep(makeBundle(envelope, by.hint, referrer.stamps, referrer.logEntries), referrer.manifest, 'present')
        return
      }
      const stamp = stamper?.stamp(rawSignature(envelope))
      // It is awaited when its turn comes; until then its failure belongs to nobody.
      stamp?.catch(() => {})
      const entry = signatureLog?.record(envelope, by.publicKeyPem)
      entry?.catch(() => {})
      const attach = async (): Promise<void> => {
        const stamps = stamp === undefined ? [] : [await stamp]
        const bundle = makeBundle(envelope, by.hint, stamps, entry === undefined ? [] : [await entry])
        keep(bundle, (await attachBundle(store, descriptor, bundle, predicateType)).digest, 'added')
      }
      if (stamp === undefined && entry === undefined) await attach()
      else waiting.push(attach)
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
      const added = receipts.filter(({ kind, state }) => kind !== 'image-signature' && state === 'added')
      const listed = await relist(
        store,
        descriptor.digest,
        added.map(({ manifest }) => manifest),
      )
      const attested =
        newAttestations.length === 0 || !(await attachCosignAttestation(store, descriptor, newAttestations)).added
      if (newSignatures.length === 0) return listed && attested
      const { manifest, added: lost } = await attachCosignSignature(store, descriptor, newSignatures)
      for (const receipt of receipts)
        if (receipt.kind === 'image-signature' && receipt.state === 'added') receipt.manifest = manifest.digest
      return listed && attested && !lost
    },
  }
}

/** The one signature of an envelope of ours: what a time stamp of its bundle is over (Sigstore's verifiers take the raw bytes). */
function rawSignature({ signatures }: Envelope): Buffer {
  return fromEitherBase64(signatures[0]?.sig ?? '', 'envelope signature')
}

/** A stamp that states its signer, over this very signature. Whether its authority counts is for the reader's policy to say. */
function isStamped({ envelope, stamps }: FoundStatement): boolean {
  return envelope.signatures.length === 1 && stamps.some((stamp) => isOwnStamp(stamp, rawSignature(envelope)))
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
