import type { AgentClient } from '../../agent/protocol.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { encryptImage, putEncrypted } from '../../encrypt/encrypt-image.ts'
import { wrapWithKek } from '../../encrypt/packet.ts'
import { readRecipients, type KekWrap, type Recipient } from '../../encrypt/recipients.ts'
import { loadImage } from '../../image/load.ts'
import type { Image } from '../../image/types.ts'
import { stepCode } from '../../journal/code.ts'
import { roles } from '../../journal/event.ts'
import { openStore, resolveImage } from '../../oci/open.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import type { Descriptor, Reference, Store } from '../../oci/types.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../context.ts'
import { readInputs, type EncryptInputs } from './inputs.ts'
import { readRecord, recordPath, writeRecord, type EncryptionRecord } from './record.ts'
import { summary } from './summary.ts'

/** Encrypts the layers of an image for a KBS key or public keys. */
export const door: ActionDoor = {
  name: 'encrypt',
  run: async (raw, context) => encrypt(await readInputs(raw), context),
}

async function encrypt(inputs: EncryptInputs, context: ActionContext): Promise<ActionResult> {
  const { ports, state } = context
  const agent = await state.agent()
  const recipients = await readRecipients(inputs.recipients, ports.roots.cwd)
  const keyUris = recipients.flatMap(({ scheme, keyId }) => (scheme === 'kbs' ? [keyId] : []))
  checkKeyFile(inputs, agent, keyUris)
  const text = inputs.image ?? (await state.lastImage(['plain']))
  if (text === null) {
    throw new InputError('input-missing', 'no image was given, and this job built none', {
      subject: 'image',
      remedy: 'Set image, or run build-reproducible first.',
    })
  }
  const resolved = await resolveImage(text, ports)
  const image = await loadImage(resolved.store, resolved.descriptor.digest)
  const target = targetOf(inputs.output, text, resolved.tag, ports)
  const store = openStore(target, ports)

  const path = await recordPath(state, {
    plain: image.descriptor.digest,
    recipients: recipients.map(({ keyId }) => keyId).sort(),
    layers: inputs.layers,
    target: formatReference(target),
    instance: agent === null ? null : (await agent.status()).instance,
  })
  const found = await readRecord(path, store)
  const record =
    found ?? (await encryptNow({ inputs, image, source: resolved.store, store, recipients, agent, path, context }))
  // A run that was killed before its manifest, tag, event or note was written is completed here.
  const made = await putEncrypted(store, record.manifest, target.tag)
  if (agent !== null) await appendEvent(agent, resolved.store.identity, image, made, record, recipients, ports)
  const reference = formatReference({ ...target, digest: made.digest })
  await state.rememberImage(made.digest, reference, 'encrypted')
  return {
    outputs: {
      image: reference,
      digest: made.digest,
      'plain-digest': image.descriptor.digest,
      'key-uri': keyUris.join('\n'),
    },
    report: summary({
      image,
      digest: made.digest,
      reference,
      layers: record.layers,
      recipients,
      again: found !== null,
      agent: agent !== null,
    }),
  }
}

interface Work {
  inputs: EncryptInputs
  image: Image
  source: Store
  store: Store
  recipients: Recipient[]
  agent: AgentClient | null
  /** Where the record goes. */
  path: string
  context: ActionContext
}

async function encryptNow({
  inputs,
  image,
  source,
  store,
  recipients,
  agent,
  path,
  context,
}: Work): Promise<EncryptionRecord> {
  const { ports } = context
  if (agent !== null) for (const { scheme, keyId } of recipients) if (scheme === 'kbs') await agent.createKey(keyId)
  const plan = { target: store, recipients, kek: kekWrap(agent, inputs.kek, ports), random: ports.random }
  const count = image.manifest.layers.length
  const layers = inputs.layers?.map((index) => (index < 0 ? count + index : index))
  return encryptImage(source, image, plan, {
    layers,
    log: ports.log,
    beforeManifest: (made) => writeRecord(path, made),
  })
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
  ports: Ports,
): Promise<void> {
  const { descriptor, manifest } = image
  await agent.append({
    kind: 'encrypt',
    inputs: [
      { role: roles.image, name, digest: descriptor.digest, mediaType: descriptor.mediaType },
      { role: roles.config, name, digest: manifest.config.digest, mediaType: manifest.config.mediaType },
    ],
    outputs: [{ role: roles.image, name, digest: made.digest, mediaType: made.mediaType }],
    code: await stepCode(ports),
    isolation: 'none',
    result: {
      layers: record.layers.map(({ plain, encrypted }) => [plain, encrypted]),
      recipients: recipients.map(({ scheme, keyId }) => ({ scheme, keyId })),
    },
  })
}
