import type { AgentClient } from '../../agent/protocol.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { encryptImage, putEncrypted } from '../../encrypt/encrypt-image.ts'
import type { EncryptionPlan } from '../../encrypt/encrypt-layer.ts'
import { wrapWithKek } from '../../encrypt/packet.ts'
import { readRecipients, type KekWrap, type Recipient } from '../../encrypt/recipients.ts'
import { loadImage } from '../../image/load.ts'
import type { Image } from '../../image/types.ts'
import { roles } from '../../journal/event.ts'
import { openStore, resolveImage } from '../../oci/open.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import type { Descriptor, Digest, Reference, Store } from '../../oci/types.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../../doors/context.ts'
import { readInputs, type EncryptInputs } from './inputs.ts'
import { readRecord, recordPath, writeRecord, type EncryptionRecord } from '../../tasks/encrypt/record.ts'
import { summary } from './summary.ts'

/** Encrypts the layers of an image for a KBS key or public keys. */
export const door: ActionDoor = {
  name: 'encrypt',
  run: async (raw, context) => finishEncryption(await prepareEncryption(await readInputs(raw), context), context),
}

/** All that is settled before the first byte of a layer is read. */
export interface PreparedEncryption {
  image: Image
  source: Store
  /** Where the encrypted image goes; without a tag none is set. */
  target: Reference
  plan: EncryptionPlan
  /** Layers to encrypt, counted from 0; undefined for all. */
  layers: number[] | undefined
  agent: AgentClient | null
  /** Where the record of this encryption is kept, and what an earlier run kept there. */
  path: string
  found: EncryptionRecord | null
}

/**
 * @param target where to, when that is not for `inputs` to say
 * @throws InputError for wrong inputs; nothing is written yet
 */
export async function prepareEncryption(
  inputs: EncryptInputs,
  context: ActionContext,
  target?: Reference,
): Promise<PreparedEncryption> {
  const { ports, state } = context
  const agent = await state.agent()
  const recipients = await readRecipients(inputs.recipients, ports.roots.cwd)
  checkKeyFile(inputs, agent, uris(recipients))
  const text = inputs.image ?? (await state.lastImage(['plain']))
  if (text === null) {
    throw new InputError('input-missing', 'no image was given, and this job built none', {
      subject: 'image',
      remedy: 'Set image, or run build-reproducible first.',
    })
  }
  const { store: source, descriptor, tag } = await resolveImage(text, ports)
  const image = await loadImage(source, descriptor.digest)
  const to = target ?? targetOf(inputs.output, text, tag, ports)
  const store = openStore(to, ports)
  const path = await recordPath(state, {
    plain: image.descriptor.digest,
    recipients: recipients.map(({ keyId }) => keyId).sort(),
    layers: inputs.layers,
    target: formatReference(to),
    instance: agent === null ? null : (await agent.status()).instance,
  })
  const count = image.manifest.layers.length
  return {
    image,
    source,
    target: to,
    plan: { target: store, recipients, kek: kekWrap(agent, inputs.kek, ports), random: ports.random },
    layers: inputs.layers?.map((index) => (index < 0 ? count + index : index)),
    agent,
    path,
    found: await readRecord(path, store),
  }
}

/** Makes the keys that the agent keeps; a second time it changes nothing. */
export async function makeKeys({ agent, plan }: PreparedEncryption): Promise<void> {
  if (agent !== null) for (const uri of uris(plan.recipients)) await agent.createKey(uri)
}

/** @param done layers that were encrypted already, by plain digest */
export async function finishEncryption(
  prepared: PreparedEncryption,
  context: ActionContext,
  done?: ReadonlyMap<Digest, Descriptor>,
): Promise<ActionResult> {
  const { ports, state } = context
  const { image, source, target, plan, agent, found } = prepared
  const record = found ?? (await encryptNow(prepared, done, ports))
  // A run that was killed before its manifest, tag, event or note was written is completed here.
  const made = await putEncrypted(plan.target, record.manifest, target.tag)
  if (agent !== null) await appendEvent(agent, source.identity, image, made, record, plan.recipients)
  const reference = formatReference({ ...target, digest: made.digest })
  await state.rememberImage(made.digest, reference, 'encrypted')
  return {
    outputs: {
      image: reference,
      digest: made.digest,
      'plain-digest': image.descriptor.digest,
      'key-uri': uris(plan.recipients).join('\n'),
    },
    report: summary({
      image,
      digest: made.digest,
      reference,
      layers: record.layers,
      recipients: plan.recipients,
      again: found !== null,
      agent: agent !== null,
    }),
  }
}

async function encryptNow(
  prepared: PreparedEncryption,
  done: ReadonlyMap<Digest, Descriptor> | undefined,
  { log }: Ports,
): Promise<EncryptionRecord> {
  const { image, source, plan, layers, path } = prepared
  await makeKeys(prepared)
  return encryptImage(source, image, plan, { layers, done, log, beforeManifest: (made) => writeRecord(path, made) })
}

function uris(recipients: readonly Recipient[]): string[] {
  return recipients.flatMap(({ scheme, keyId }) => (scheme === 'kbs' ? [keyId] : []))
}

function kekWrap(agent: AgentClient | null, kek: Buffer | null, ports: Ports): KekWrap {
  return async (uri, plaintext) => {
    if (agent !== null) return agent.wrap(uri, plaintext)
    if (kek === null) throw new VerificationError('decryption-failed', `there is no key for ${uri}`, { subject: uri })
    const iv = ports.random(12)
    return { wrapped: wrapWithKek(kek, plaintext, iv), iv }
  }
}

function checkKeyFile({ kek }: EncryptInputs, agent: AgentClient | null, keyUris: readonly string[]): void {
  if (agent !== null && kek !== null) {
    throw new InputError('input-invalid', 'key-file was given, but the agent of this job makes and keeps the key', {
      subject: 'key-file',
      remedy: 'Leave key-file out.',
    })
  }
  if (agent === null && kek === null && keyUris.length > 0) {
    throw new InputError('input-missing', `${keyUris[0] ?? ''} needs a key, and no agent runs that could keep one`, {
      subject: 'key-file',
      remedy: 'Run setup-cvm-runner first, or give key-file with 32 raw bytes.',
    })
  }
}

/** `-encrypted` after the tag, in the same store, unless `output` says otherwise (INTERFACE §1). */
function targetOf(output: string | null, text: string, tag: string | null, ports: Ports): Reference {
  const given = parseReference(output ?? text, ports.roots.cwd)
  const name = output === null ? `${tag ?? 'latest'}-encrypted` : (given.tag ?? 'latest')
  return { ...given, tag: name, digest: undefined }
}

async function appendEvent(
  agent: AgentClient,
  name: string,
  image: Image,
  made: Descriptor,
  record: EncryptionRecord,
  recipients: readonly Recipient[],
): Promise<void> {
  const { descriptor, manifest } = image
  await agent.append({
    kind: 'encrypt',
    inputs: [
      { role: roles.image, name, digest: descriptor.digest, mediaType: descriptor.mediaType },
      { role: roles.config, name, digest: manifest.config.digest, mediaType: manifest.config.mediaType },
    ],
    outputs: [{ role: roles.image, name, digest: made.digest, mediaType: made.mediaType }],
    result: {
      layers: record.layers.map(({ plain, encrypted }) => [plain, encrypted]),
      recipients: recipients.map(({ scheme, keyId }) => ({ scheme, keyId })),
    },
  })
}
