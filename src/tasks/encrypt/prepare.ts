import { z } from 'zod'
import { InputError, VerificationError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import type { EncryptionPlan } from '../../encrypt/encrypt-layer.ts'
import { wrapWithKek } from '../../encrypt/packet.ts'
import { readRecipients, type KekWrap, type Recipient } from '../../encrypt/recipients.ts'
import { loadImage } from '../../image/load.ts'
import type { Image } from '../../image/types.ts'
import { bindKbs, type KbsBinding } from '../../kbs/binding.ts'
import { fillRecipient, runName } from '../../kbs/placeholders.ts'
import { openStore } from '../../oci/open.ts'
import type { Reference, Store } from '../../oci/types.ts'
import type { TaskContext } from '../context.ts'
import { findImage } from '../images.ts'
import { readRecord, recordPath, type EncryptionRecord } from './record.ts'

export const encryptRequestSchema = z.strictObject({
  /** Reference of the plain image; a layout's folder is absolute. */
  image: z.string(),
  /** `jwe:PATH` (fetched as `recipient:PATH`) and `kbs:///repo/type/tag`, where `{digest}` and `{run}` are filled. */
  recipients: z.array(z.string()).min(1).max(256),
  /** Positions from 0, negative ones from the end; null for all. */
  layers: z.array(z.int()).nullable(),
  /** Where the encrypted image goes; without a tag none is set. */
  output: z.string(),
  /** The KBS that the keys are for: a URL, or `embedded:` and a folder; null where no recipient is one. */
  kbs: z.string().nullable(),
})
export type EncryptRequest = z.infer<typeof encryptRequestSchema>

/** All that is settled before the first byte of a layer is read. */
export interface PreparedEncryption {
  image: Image
  source: Store
  target: Reference
  plan: EncryptionPlan
  /** Layers to encrypt, counted from 0; undefined for all. */
  layers: number[] | undefined
  /** What the agent's keys are bound to; null where it makes none. */
  kbs: KbsBinding | null
  /** Where the record of this encryption is kept, and what an earlier run kept there. */
  path: string
  found: EncryptionRecord | null
}

/** @throws InputError for wrong inputs; nothing is written yet */
export async function prepareEncryption(request: EncryptRequest, context: TaskContext): Promise<PreparedEncryption> {
  const { ports, work, agent, caller } = context
  const read = async (path: string): Promise<string> =>
    (await collect(await caller.fetch(`recipient:${path}`), keyLimit, path)).toString('utf8')
  const { store: source, descriptor } = await findImage(request.image, context)
  const instance = agent === null ? null : (await agent.status()).instance
  const run = runName(instance ?? ports.random(16).toString('hex'))
  const filled = request.recipients.map((one) => fillRecipient(one, descriptor.digest, run))
  const recipients = await readRecipients(filled, read)
  const image = await loadImage(source, descriptor.digest)
  const target = { ...parseReference(request.output, '/'), digest: undefined }
  const store = openStore({ ...target, tag: undefined }, ports)
  const count = image.manifest.layers.length
  const uris = keyUris(recipients)
  const kek = await kekWrap(uris, request, context)
  const kbs = agent !== null && request.kbs !== null && uris.length > 0 ? await bindKbs(request.kbs, ports) : null
  const path = await recordPath(work, {
    plain: image.descriptor.digest,
    recipients: recipients.map(({ keyId }) => keyId).sort(),
    layers: request.layers,
    target: formatReference(target),
    instance,
    kbs: kbs === null ? null : [kbs.name, kbs.serverKey],
  })
  return {
    image,
    source,
    target,
    plan: {
      target: store,
      recipients,
      kek,
      random: ports.random,
      threads: ports.threads,
    },
    // One before the first layer stays negative, so that it is refused as it was written.
    layers: request.layers?.map((index) => (index < 0 && count + index >= 0 ? count + index : index)),
    kbs,
    path,
    found: await readRecord(path, store),
  }
}

/** No public key is larger. */
const keyLimit = 1 << 20

/** Makes the keys that the agent keeps; a second time it changes nothing. */
export async function makeKeys({ plan, kbs }: PreparedEncryption, { agent }: TaskContext): Promise<void> {
  if (agent === null || kbs === null) return
  for (const uri of keyUris(plan.recipients)) await agent.createKey(uri, kbs)
}

export function keyUris(recipients: readonly Recipient[]): string[] {
  return recipients.flatMap(({ scheme, keyId }) => (scheme === 'kbs' ? [keyId] : []))
}

/** The agent's keys, each bound to its KBS, or the one of `key-file`. */
async function kekWrap(uris: readonly string[], { kbs }: EncryptRequest, context: TaskContext): Promise<KekWrap> {
  const { agent, caller, ports } = context
  const kek = await caller.secret('key-file')
  const [first] = uris
  if (agent !== null && kek !== null) {
    throw new InputError('input-invalid', 'key-file was given, but the agent of this job makes and keeps the key', {
      subject: 'key-file',
      remedy: 'Leave `key-file` out.',
    })
  }
  if (agent !== null && kbs === null && first !== undefined) {
    throw new InputError('input-missing', `kbs-url is missing: the key of ${first} is made for one KBS`, {
      subject: 'kbs-url',
      remedy: 'Give encrypt the `kbs-url` that kbs-publish will be given.',
    })
  }
  if (agent === null && kek === null && first !== undefined) {
    throw new InputError('input-missing', `${first} needs a key, and no agent runs that could keep one`, {
      subject: 'key-file',
      remedy: 'Run setup-cvm-runner first, or give `key-file` with 32 raw bytes.',
    })
  }
  return async (uri, plaintext) => {
    if (agent !== null) return agent.wrap(uri, plaintext)
    if (kek === null) throw new VerificationError('decryption-failed', `there is no key for ${uri}`, { subject: uri })
    const iv = ports.random(12)
    return { wrapped: wrapWithKek(kek, plaintext, iv), iv }
  }
}
