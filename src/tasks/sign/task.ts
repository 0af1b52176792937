import { InputError } from '../../base/errors.ts'
import { sha256 } from '../../base/streams.ts'
import type { AgentClient, AgentStatus } from '../../agent/protocol.ts'
import { putArtifact } from '../../oci/artifact.ts'
import { inOneStep } from '../../oci/lazy-store.ts'
import { holdReferrers } from '../../oci/one-listing.ts'
import { signEnvelope } from '../../sign/dsse.ts'
import { internalAnnotations } from '../../sign/publishable.ts'
import { simpleSigningPayload } from '../../sign/simple-signing.ts'
import { inventoryArtifactType, inventoryMediaType, type Signer } from '../../statement/types.ts'
import type { StepContext } from '../context.ts'
import { carryPublisher } from './carry.ts'
import type { CertifiedKey } from './certified.ts'
import { agentIdentity, attachEvidence, signedBy, stateOf, type Attested } from './attested.ts'
import { signClaims } from './claims.ts'
import { signForNotation } from './notation.ts'
import { readsSignatureTag, type SignRequest } from './request.ts'
import { signForScitt } from './scitt.ts'
import { keyedPayload } from './keyed-statement.ts'
import { openKeys, type OpenedKeys } from './open-keys.ts'
import { keepWritten } from './keep.ts'
import { signedManifests } from './manifests.ts'
import { gatherMaterial, requireMaterial, type Material } from './material.ts'
import { publishImage, type Published } from './source.ts'
import type { SignAttestResult } from './result.ts'
import { openSignatureLog } from './log-signatures.ts'
import { timeStamperFor } from './time-stamp.ts'
import { keyedSigner, type KeyServices, type StatementSigner } from './signer.ts'
import { openWriter, type Receipt, type StatementWriter } from './writer.ts'

/**
 * Publishes the image with all that vouches for it, in the order of TRUST §3: blobs, statements, evidence bundle, evidence statement, tags.
 * Killed at any moment and run again it ends in the same state: nothing is written before what it refers to, and what is attached stays.
 *
 * @throws InputError `no-agent`, `input-missing`; VerificationError by the rules of TRUST §4
 */
export async function signAttest(inputs: SignRequest, context: StepContext): Promise<SignAttestResult> {
  if (inputs.claims.length > 0) return signClaims(inputs, context)
  const agent = await context.state.agent()
  if (inputs.signer === 'agent' && agent === null) {
    throw new InputError('no-agent', 'no agent runs in this job', {
      subject: 'signer',
      remedy: 'Run setup-cvm-runner first, or set `signer: key` and `key`.',
    })
  }
  // A key or log that cannot be opened, or a time stamp service that is refused, must not leave a half-published image behind.
  requireKeyForServices(inputs, agent)
  const opened = await openKeys(inputs, agent, context.ports)
  try {
    return await signWith(inputs, agent, opened, context)
  } finally {
    await opened.close()
  }
}

async function signWith(
  inputs: SignRequest,
  agent: AgentClient | null,
  { key, certified }: OpenedKeys,
  context: StepContext,
): Promise<SignAttestResult> {
  const signatureLog = await openSignatureLog(inputs.log, context.ports)
  const attested = agent === null ? null : { client: agent, by: await agentIdentity(agent) }
  const keys = [key?.publicKeyPem, attested?.by.publicKeyPem].flatMap((pem) => pem ?? [])
  const stamper = await timeStamperFor(inputs.timestamp, agent, keys, context.ports)
  const keyless =
    inputs.keyless === null
      ? null
      : await (await import('./keyless.ts')).openKeylessSigner(inputs.keyless, agent, keys, context.ports)
  const services = { stamper, signatureLog }
  const journal = agent === null ? null : await agent.journal()
  const target = await publishImage(inputs, journal, context)
  // All that is attached to one manifest is listed by one write.
  const { store, flush } = holdReferrers(target.store)
  const published = { ...target, store }
  await carryPublisher(published, journal, context)
  const { descriptor, tag } = published
  // What vouches for the image becomes visible together where the store can do that.
  return inOneStep(store, async () => {
    const identity = inputs.identity ?? store.identity
    const { manifests, left } = await signedManifests(published, inputs.recursive, journal)
    const materials = await Promise.all(manifests.map((one) => gatherMaterial(inputs, one, journal, context)))
    requireMaterial(inputs.statements, materials.flat())
    const { internal } = inputs
    const legacy = { att: inputs.consumers.includes('cosign2'), sig: readsSignatureTag(inputs.consumers) }

    const signings: Signing[] = []
    for (const [i, one] of manifests.entries()) {
      const writer = await openWriter(one, { legacy, internal, log: context.ports.log })
      const signers = [
        ...(key === null
          ? []
          : [keyedSigner({ ...key, name: 'key' }, (payload) => signEnvelope(payload, key), services)]),
        ...(keyless === null ? [] : [keyless.statementsOf(one.descriptor.digest)]),
      ]
      const signing: Signing = { agent: attested, key, signers, published: one, identity, services, writer, internal }
      signings.push(signing)
      const payloads = await writeStatements(materials[i] ?? [], signing, context)
      if (certified !== null)
        writer.receipts.push(...(await signForOthers(inputs, certified, payloads, signing, context)))
    }
    // One seal closes the statements about all manifests.
    let status: AgentStatus | null = null
    for (const one of signings) if (attested !== null) status = await attachEvidence(attested, one)
    for (const { writer } of signings) await writer.settle()
    await flush()
    for (const { writer } of signings) await writer.finish()
    const writers = signings.map(({ writer }) => writer)
    await keepWritten(store, writers, context.ports)
    await store.tag(tag, descriptor.digest)
    return {
      published: target,
      identity,
      receipts: signings.flatMap(({ published: { descriptor: subject }, writer }) =>
        writer.receipts.map((receipt) => ({ subject: subject.digest, ...receipt })),
      ),
      left,
      bundles: writers.flatMap(({ bundles }) => bundles),
      publicKeyPem: key?.publicKeyPem ?? status?.publicKeyPem ?? null,
      keyless: keyless === null ? null : { identity: keyless.identity, services: keyless.services },
      agent: status,
    }
  })
}

/** A keyless signature is stamped and logged where its signing configuration says. @throws InputError `input-invalid` */
function requireKeyForServices({ keyless, timestamp, log }: SignRequest, agent: AgentClient | null): void {
  if (keyless === null || agent !== null || (timestamp === null && log === null)) return
  const named = timestamp === null ? 'log' : 'timestamp'
  throw new InputError('input-invalid', `${named}: signer keyless takes its services from the signing configuration`, {
    subject: named,
    remedy: `Leave \`${named}\` out, and name the service in \`signing-config\`.`,
  })
}

/** All statements about one manifest, and cosign's signature of it. @returns the payloads */
async function writeStatements(
  material: readonly Material[],
  signing: Signing,
  { ports: { log } }: StepContext,
): Promise<Buffer[]> {
  const { published, writer } = signing
  if (published.index !== null) log.progress(`manifest ${published.descriptor.digest}`)
  const inventory = material.find(({ kind }) => kind === 'inventory')?.documents['inventory']
  if (inventory !== undefined) await putInventory(inventory, published, writer, signing.internal.includes('inventory'))
  const payloads: Buffer[] = []
  for (const item of material) {
    log.progress(`statement ${item.kind}`)
    payloads.push(await writeStatement(item, signing))
  }
  if (material.some(({ kind }) => kind === 'sign')) await signImage(signing)
  // TRUST §3: statements before the evidence that closes them.
  await writer.settle()
  return payloads
}

interface Signing {
  agent: Attested | null
  key: Signer | null
  /** Who adds a bundle of its own over each payload. */
  signers: readonly StatementSigner[]
  published: Published
  identity: string
  /** For the signatures of keys. */
  services: KeyServices
  writer: StatementWriter
  internal: SignRequest['internal']
}

/** Where an agent runs it makes the payload and signs it; the others add their own signatures over the same bytes. */
async function writeStatement(item: Material, signing: Signing): Promise<Buffer> {
  const { agent, signers, published, identity, writer } = signing
  let payload: Buffer
  if (agent === null) {
    payload = keyedPayload(item, published, identity)
  } else {
    const documents = Object.fromEntries(
      Object.entries(item.documents).map(([name, bytes]) => [name, bytes.toString('base64')]),
    )
    const signed = await agent.client.statement({ kind: item.kind, subject: published.descriptor.digest, documents })
    payload = signed.payload
    await writer.statement(item.kind, payload, signedBy(agent, signed.envelope, signing.services))
  }
  for (const signer of signers) await writer.statement(item.kind, payload, signer)
  return payload
}

/** What readers of COSE get beside the bundles. */
async function signForOthers(
  { consumers }: SignRequest,
  certified: CertifiedKey,
  payloads: readonly Buffer[],
  { published, identity, services: { stamper } }: Signing,
  { ports: { clock, log } }: StepContext,
): Promise<Receipt[]> {
  const at = { now: clock.now(), log, stamper }
  return [
    ...(consumers.includes('notation') ? [await signForNotation(published, certified, at)] : []),
    ...(consumers.includes('scitt')
      ? await signForScitt(published, certified, payloads, { ...at, name: identity })
      : []),
  ]
}

async function signImage({ agent, key, published, identity, writer }: Signing): Promise<void> {
  const { digest } = published.descriptor
  const payload = simpleSigningPayload({ dockerReference: identity, digest })
  if (agent !== null) {
    const sign = async (): Promise<Buffer> => (await agent.client.simpleSigning(digest, identity)).signature
    await writer.imageSignature(payload, agent.by, sign)
  }
  if (key !== null) await writer.imageSignature(payload, { ...key, name: 'key' }, () => key.sign(payload))
}

async function putInventory(
  bytes: Buffer,
  { store, descriptor }: Published,
  writer: StatementWriter,
  isInternal: boolean,
): Promise<void> {
  const before = await store.referrers(descriptor.digest, inventoryArtifactType)
  const put = await putArtifact(store, {
    artifactType: inventoryArtifactType,
    subject: descriptor,
    layers: [{ mediaType: inventoryMediaType, bytes }],
    ...(isInternal ? { annotations: internalAnnotations } : {}),
  })
  const payload = sha256(bytes)
  writer.receipts.push({
    kind: 'inventory-document',
    signer: null,
    payload,
    manifest: put.digest,
    state: stateOf(put, before),
  })
}
