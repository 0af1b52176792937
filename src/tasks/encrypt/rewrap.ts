import { z } from 'zod'
import { InputError } from '../../base/errors.ts'
import type { DecryptionKeys } from '../../encrypt/open-key.ts'
import { rewrapImage } from '../../encrypt/rewrap.ts'
import { formatReference } from '../../oci/reference.ts'
import { defineTask, type TaskContext } from '../context.ts'
import { imageKeys, keyRequestSchema, type KeyRequest } from '../keys.ts'
import { encryptionEvent, type EncryptResult } from './finish.ts'
import { encryptRequestSchema, keyUris, makeKeys, prepareEncryption, type PreparedEncryption } from './prepare.ts'
import { writeRecord } from './record.ts'
import { putEncrypted } from '../../encrypt/encrypt-image.ts'

const schema = z.strictObject({
  /** The encrypted image takes the place of the plain one; all its layers get the new keys. */
  request: encryptRequestSchema,
  /** Those who can decrypt the image now stay recipients. */
  keep: z.boolean(),
  /** Where the keys of the image come from; those that the agent holds need none. */
  keys: keyRequestSchema,
})

/** Gives an encrypted image other recipients: no layer is read, and within a store none is copied. */
export const rewrap = defineTask(schema, async ({ request, keep, keys }, context) => {
  const prepared = await prepareEncryption(request, context, { rewrapped: keep ? 'add' : 'replace' })
  const { target, plan, image } = prepared
  const record = prepared.found ?? (await rewrapNow(prepared, keep, keys, context))
  const made = await putEncrypted(plan.target, record.manifest, target.tag)
  const result: EncryptResult = {
    reference: formatReference({ ...target, digest: made.digest }),
    digest: made.digest,
    plainDigest: image.descriptor.digest,
    layers: record.layers,
    recipients: plan.recipients.map(({ scheme, keyId }) => ({ scheme, keyId })),
    keyUris: keyUris(plan.recipients),
    again: prepared.found !== null,
    agent: context.agent !== null,
  }
  const event = encryptionEvent(prepared, made, record, plan.recipients)
  event.facts.result['rewrapped'] = keep ? 'add' : 'replace'
  return { result, events: [event] }
})

async function rewrapNow(
  prepared: PreparedEncryption,
  keep: boolean,
  request: KeyRequest,
  context: TaskContext,
): Promise<NonNullable<PreparedEncryption['found']>> {
  const { image, source, plan, path } = prepared
  const keys = await allKeys(request, context)
  await makeKeys(prepared, context)
  const layers = image.manifest.layers.map(({ digest }, i) => ({
    plain: digest,
    encrypted: digest,
    diffId: image.config.rootfs.diff_ids[i] ?? digest,
  }))
  const { manifest } = await rewrapImage(source, image, keys, {
    target: plan.target,
    wrapping: plan,
    keep,
    beforeManifest: (made) => writeRecord(path, { manifest: made, layers }),
  })
  return { manifest, layers }
}

/** @throws InputError `input-missing` where no key was named and the agent holds none */
async function allKeys(request: KeyRequest, context: TaskContext): Promise<DecryptionKeys> {
  const { agent } = context
  const given = await imageKeys(request, context)
  const held = new Set(agent === null ? [] : (await agent.status()).keys)
  if (given === undefined && held.size === 0)
    throw new InputError('input-missing', 'the image is encrypted, and no key was given', {
      subject: 'decryption-key',
      remedy: 'Give `decryption-key`, or the `kbs-url` that has the key.',
    })
  const unwrap = async (uri: string, wrapped: Buffer, iv: Buffer): Promise<Buffer | null> =>
    agent !== null && held.has(uri) ? agent.unwrap(uri, wrapped, iv) : null
  return { ...given, unwrap }
}

export type RewrapRequest = z.infer<typeof schema>
