import type { AgentClient } from '../../agent/protocol.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import { jcs } from '../../encoding/jcs.ts'
import { parseReference } from '../../oci/reference.ts'
import { missingBlob } from '../../oci/referrers.ts'
import type { Digest, Store } from '../../oci/types.ts'
import { signEnvelope } from '../../sign/dsse.ts'
import { findStatements } from '../../sign/find.ts'
import { openSigner } from '../../sign/signers/open.ts'
import type { KeySource } from '../../sign/signers/types.ts'
import { promotionIdentity, promotionPredicate, type PromotionFacts } from '../../statement/promotion.ts'
import { predicateFault, readPredicate } from '../../statement/schemas/predicate.ts'
import { makeStatement } from '../../statement/statement.ts'
import { predicateTypes, type Signer } from '../../statement/types.ts'
import type { Verdict } from '../../verify/types.ts'
import { agentIdentity, attachEvidence, signedBy } from '../sign/attested.ts'
import type { KeylessRequest } from '../sign/keyless.ts'
import { keyedSigner, type StatementSigner } from '../sign/signer.ts'
import type { Published } from '../sign/source.ts'
import { timeStamperFor } from '../sign/time-stamp.ts'
import { openWriter, type StatementWriter } from '../sign/writer.ts'

/** Who signs the promotion record. */
export interface RecordSigning {
  readonly signer: 'none' | 'agent' | 'key' | 'keyless'
  readonly key: KeySource | null
  readonly keyless: KeylessRequest | null
  /** Address of an RFC 3161 service; null for none. */
  readonly timestamp: URL | null
}

/** A copy that a record is about. */
export interface Recorded {
  /** The target by digest, without tag. */
  readonly place: string
  readonly tag: string
  readonly verdict: Verdict
  readonly facts: PromotionFacts
  /** Age in seconds from which a record that says the same is signed again; null for never. */
  readonly renewAfter: number | null
}

export interface AttachedRecord {
  readonly manifest: Digest
  readonly state: 'added' | 'present'
}

/** A record as it was written to the store, and who looks after it once it is listed; null for one that was there. */
export interface WrittenRecord {
  readonly record: AttachedRecord
  readonly writer: StatementWriter | null
}

/** A signer that is open for all records of a run. */
export interface RecordSigner {
  /** Signs with cosign's older form too; null for others than keys. */
  readonly key: Signer | null
  /** Null where nobody signs. */
  readonly publicKeyPem: string | null
  /** @param store of the copy; what it lists is the caller's to commit */
  attach(copy: Recorded, store: Store): Promise<WrittenRecord | null>
}

/**
 * Opens the receiver's signer: a key that cannot be opened is reported before anything is copied.
 *
 * @throws InputError `no-agent`, `input-missing`, `file-invalid`; TransportError, VerificationError as the signers of `sign-attest`
 */
export async function openRecordSigner(
  { signer, key: source, keyless: request, timestamp }: RecordSigning,
  agent: AgentClient | null,
  ports: Ports,
): Promise<RecordSigner> {
  if (signer === 'none') return { key: null, publicKeyPem: null, attach: () => Promise.resolve(null) }
  if (signer === 'agent') {
    if (agent === null)
      throw new InputError('no-agent', 'no agent runs in this job', {
        subject: 'signer',
        remedy: 'Run setup-cvm-runner first, or set `signer: key` or `signer: none`.',
      })
    const by = await agentIdentity(agent)
    const stamper = await timeStamperFor(timestamp, agent, [by.publicKeyPem], ports)
    const services = { stamper, signatureLog: null }
    const attested = { client: agent, by }
    return {
      key: null,
      publicKeyPem: by.publicKeyPem,
      attach: (copy, store) =>
        attachTo(copy, store, ports, async (published, writer) => {
          const documents = { promotion: base64(jcs(copy.facts)), verdict: base64(jcs(copy.verdict)) }
          const subject = published.descriptor.digest
          const signed = await agent.statement({ kind: 'promotion', subject, documents })
          await writer.statement('promotion', signed.payload, signedBy(attested, signed.envelope, services))
          // TRUST §3: statements before the evidence that closes them.
          await writer.settle()
          await attachEvidence(attested, { published, services, writer })
        }),
    }
  }
  const key = source === null ? null : await openSigner(source, ports)
  const stamper = key === null ? null : await timeStamperFor(timestamp, null, [key.publicKeyPem], ports)
  const keyless =
    request === null ? null : await (await import('../sign/keyless.ts')).openKeylessSigner(request, agent, [], ports)
  const signerOf = (subject: Digest): StatementSigner => {
    if (keyless !== null) return keyless.statementsOf(subject)
    if (key === null)
      throw new InputError('input-missing', 'signer: key needs a key', {
        subject: 'key',
        remedy: 'Set `key` to env:NAME or a file.',
      })
    const services = { stamper, signatureLog: null }
    return keyedSigner({ ...key, name: 'key' }, (payload) => signEnvelope(payload, key), services)
  }
  return {
    key,
    publicKeyPem: key?.publicKeyPem ?? null,
    attach: async (copy, store) => {
      const { digest } = copy.verdict.image
      const by = signerOf(digest)
      const predicate = promotionPredicate(copy.facts, copy.verdict, sha256(jcs(copy.verdict)), ports.clock.now())
      const known = await findRecord(copy, store, predicate, by, ports)
      if (known !== null) return { record: { manifest: known, state: 'present' }, writer: null }
      return attachTo(copy, store, ports, (published, writer) =>
        writer.statement(
          'promotion',
          makeStatement('promotion', { name: published.store.identity, digest }, predicate),
          by,
        ),
      )
    },
  }
}

/** A record of the same signer that says the same in all but its time and the words of the verdict (INTERFACE §7), unless that one is to be renewed. */
async function findRecord(
  { verdict, renewAfter }: Recorded,
  store: Store,
  predicate: ReturnType<typeof promotionPredicate>,
  by: StatementSigner,
  ports: Ports,
): Promise<Digest | null> {
  const subject = await store.resolve({ digest: verdict.image.digest })
  if (subject === null) return null
  const wanted = promotionIdentity(readPredicate('promotion', predicate, 'promotion'))
  const found = await findStatements(store, subject, {
    predicateTypes: [predicateTypes.promotion],
    onBroken: () => {},
  })
  const isFresh = (promotedOn: string): boolean =>
    renewAfter === null || ports.clock.now().getTime() - Date.parse(promotedOn) <= renewAfter * 1000
  const same = found.find((one) => {
    if (by.judge(one) !== 'complete' || predicateFault('promotion', one.statement.predicate) !== null) return false
    const said = readPredicate('promotion', one.statement.predicate, one.manifest)
    return promotionIdentity(said).equals(wanted) && isFresh(said.promotedOn)
  })
  return same?.manifest ?? null
}

async function attachTo(
  { place, tag, verdict }: Recorded,
  store: Store,
  ports: Ports,
  write: (published: Published, writer: StatementWriter) => Promise<void>,
): Promise<WrittenRecord> {
  const reference = parseReference(place, ports.roots.cwd)
  const { digest } = verdict.image
  const descriptor = await store.resolve({ digest })
  if (descriptor === null) throw missingBlob(digest, store.name)
  const published: Published = { store, descriptor, reference, tag, plain: digest, index: null }
  const writer = await openWriter(published, { legacy: { att: false, sig: false }, log: ports.log })
  await write(published, writer)
  await writer.settle()
  await writer.finish()
  const receipt = writer.receipts.find(({ kind }) => kind === 'promotion')
  if (receipt === undefined) throw new TypeError('a record that was not attached')
  return { record: { manifest: receipt.manifest, state: receipt.state }, writer }
}

function base64(bytes: Buffer): string {
  return bytes.toString('base64')
}
