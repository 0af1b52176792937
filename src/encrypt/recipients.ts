import { InputError } from '../base/errors.ts'
import { toBase64 } from '../encoding/base64.ts'
import { readJweKey, wrapJwe, type JweKey } from './jwe.ts'
import { annotations } from './options.ts'
import { isKeyUri, packetBytes } from './packet.ts'

/** Wraps bytes with the KEK of a `kbs:` URI: the agent's `wrap`, or one over `key-file`. */
export type KekWrap = (uri: string, plaintext: Buffer) => Promise<{ wrapped: Buffer; iv: Buffer }>

/** Who can open a layer. */
export type Recipient =
  | { readonly scheme: 'jwe'; readonly keyId: string; readonly key: JweKey }
  | { readonly scheme: 'kbs'; readonly keyId: string }

/**
 * Reads `jwe:PATH` and `kbs:///repo/type/tag`.
 *
 * @param read gives the text behind a PATH
 * @throws InputError `input-invalid`, `input-missing`, `file-missing`, `file-invalid`
 */
export async function readRecipients(
  texts: readonly string[],
  read: (path: string) => Promise<string>,
): Promise<Recipient[]> {
  const found: Recipient[] = []
  for (const text of texts) {
    const recipient = text.startsWith('jwe:') ? await jweRecipient(text.slice(4), read) : kbsRecipient(text)
    if (found.some((other) => other.keyId === recipient.keyId)) {
      throw new InputError('input-invalid', `recipients: ${text} is named twice`, {
        subject: 'recipients',
        remedy: 'Name each key once.',
      })
    }
    found.push(recipient)
  }
  if (found.length === 0) {
    throw new InputError('input-missing', 'recipients: none is given', {
      subject: 'recipients',
      remedy: 'Write jwe:PATH of a public key, or kbs:///repo/type/tag, one a line.',
    })
  }
  return found
}

/** Annotations that hold a layer's private options for all recipients, in the form that each reads (coco.md §4). */
export async function wrapFor(
  recipients: readonly Recipient[],
  options: Buffer,
  kek: KekWrap,
): Promise<Record<string, string>> {
  const result: Record<string, string> = {}
  const keys = recipients.flatMap((recipient) => (recipient.scheme === 'jwe' ? [recipient.key] : []))
  if (keys.length > 0) result[annotations.jwe] = toBase64(await wrapJwe(options, keys))
  const packets: string[] = []
  for (const { scheme, keyId } of recipients) {
    if (scheme === 'kbs') packets.push(toBase64(packetBytes({ kid: keyId, ...(await kek(keyId, options)) })))
  }
  if (packets.length > 0) result[annotations.provider] = packets.join(',')
  return result
}

async function jweRecipient(path: string, read: (path: string) => Promise<string>): Promise<Recipient> {
  const key = readJweKey(await read(path), path)
  return { scheme: 'jwe', keyId: key.id, key }
}

function kbsRecipient(text: string): Recipient {
  if (isKeyUri(text)) return { scheme: 'kbs', keyId: text }
  throw new InputError(
    'input-invalid',
    `recipients: ${JSON.stringify(text)} is neither jwe:PATH nor kbs:///repo/type/tag`,
    {
      subject: 'recipients',
      remedy: text.startsWith('kbs:')
        ? 'A KBS key has exactly three segments of letters, digits, dots, dashes and underscores, and no host.'
        : `For a public key write jwe:${text}, for a KBS key kbs:///repo/type/tag.`,
    },
  )
}
