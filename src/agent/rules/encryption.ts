import { z } from 'zod'
import { VerificationError } from '../../base/errors.ts'
import { digestSchema, roles, type JournalEvent } from '../../journal/event.ts'
import { encryptionPredicate } from '../../statement/encryption.ts'
import { makeStatement } from '../../statement/statement.ts'
import { diffIdsOf } from './config.ts'
import { artifact, documentOf, eventWith, mismatch, requireStanding, type Rule } from './context.ts'

/** What an `encrypt` event's result must hold. */
const schema = z.looseObject({
  layers: z
    .array(z.tuple([digestSchema, digestSchema]))
    .min(1)
    .max(4096),
  recipients: z
    .array(z.strictObject({ scheme: z.enum(['jwe', 'pkcs7', 'pkcs11', 'kbs']), keyId: z.string().min(1).max(1024) }))
    .min(1)
    .max(256),
})

/** Encryption: ties the two manifests of one `encrypt` event, whose config is the same. */
export const encryption: Rule = (context) => {
  const event = eventWith(context.events, 'encrypt', 'outputs', roles.image, context.subject)
  const plain = event === null ? null : artifact(event, 'inputs', roles.image)
  if (event === null || plain === null) throw mismatch(context.subject, 'was not encrypted in this job')
  // Its input is encrypted as well, and only who opens the layers learns what they were encrypted from.
  if (event.result['rewrapped'] !== undefined) throw broken('its keys were wrapped anew, which encrypts nothing')
  requireStanding(context, 'encryption')
  const config = documentOf(context, 'config', event, 'inputs', [roles.config])
  const after = artifact(event, 'outputs', roles.config)
  if (after !== null && after !== config.digest) throw broken('its config changed')
  const { layers, recipients } = resultOf(event)
  const diffIds = diffIdsOf(config.bytes)
  if (diffIds.length !== layers.length) throw broken(`it has ${layers.length} layers, its config ${diffIds.length}`)
  return makeStatement(
    'encryption',
    { digest: context.subject },
    encryptionPredicate({
      plain: { manifest: plain },
      encrypted: { manifest: context.subject },
      config: config.digest,
      layers: layers.map(([from, to], i) => ({ plain: from, encrypted: to, diffId: diffIds[i] ?? from })),
      cipher: 'AES_256_CTR_HMAC_SHA256',
      recipients,
    }),
  )
}

function resultOf(event: JournalEvent): z.infer<typeof schema> {
  const parsed = schema.safeParse(event.result)
  if (!parsed.success) throw broken(`its event does not tell layers and recipients: ${parsed.error.message}`)
  return parsed.data
}

function broken(why: string): VerificationError {
  return new VerificationError('encryption-link', `the encryption cannot be stated: ${why}`, { subject: 'encrypt' })
}
