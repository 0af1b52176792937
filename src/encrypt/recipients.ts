import type { KeyObject } from 'node:crypto'
import { InputError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { table } from '../base/table.ts'
import { toBase64 } from '../encoding/base64.ts'
import { readJweKey, wrapJwe, type JweKey } from './jwe.ts'
import { annotations } from './options.ts'
import { isKeyUri, packetBytes } from './packet.ts'
import { wrapPkcs11 } from './pkcs11.ts'
import { readPkcs7Certificate, wrapPkcs7, type Pkcs7Key } from './pkcs7.ts'

/** Wraps bytes with the KEK of a `kbs:` URI: the agent's `wrap`, or one over `key-file`. */
export type KekWrap = (uri: string, plaintext: Buffer) => Promise<{ wrapped: Buffer; iv: Buffer }>

/** How a layer's key is wrapped for a recipient. */
export const recipientSchemes = ['jwe', 'pkcs7', 'pkcs11', 'kbs'] as const
export type RecipientScheme = (typeof recipientSchemes)[number]

/** Who can open a layer. The key id of a public key is the `sha256:<hex>` of its SPKI DER, whatever the form. */
export type Recipient =
  | { readonly scheme: 'jwe'; readonly keyId: string; readonly key: JweKey }
  | { readonly scheme: 'pkcs7'; readonly keyId: string; readonly key: Pkcs7Key }
  | { readonly scheme: 'pkcs11'; readonly keyId: string; readonly key: KeyObject }
  | { readonly scheme: 'kbs'; readonly keyId: string }

/** Recipients that are the public key in a file, `SCHEME:PATH`. */
const inFiles: Readonly<Record<string, (text: string, path: string) => Recipient>> = table({
  jwe: (text, path) => {
    const key = readJweKey(text, path)
    return { scheme: 'jwe', keyId: key.id, key }
  },
  pkcs7: (text, path) => {
    const key = readPkcs7Certificate(text, path)
    return { scheme: 'pkcs7', keyId: key.id, key }
  },
  pkcs11: (text, path) => {
    const { key, alg, id } = readJweKey(text, path)
    if (alg === 'RSA-OAEP' && !text.trimStart().startsWith('{')) return { scheme: 'pkcs11', keyId: id, key }
    throw new InputError('file-invalid', `"${path}" is not an RSA public key in PEM, which PKCS#11 recipients need`, {
      subject: path,
      remedy: 'Give the RSA public key of the token as PEM.',
    })
  },
})

/** The file of a recipient; null for one that is not in a file. */
export function recipientFile(text: string): string | null {
  const [scheme = ''] = text.split(':', 1)
  return inFiles[scheme] === undefined ? null : text.slice(scheme.length + 1)
}

/**
 * Reads `jwe:PATH`, `pkcs7:PATH`, `pkcs11:PATH` and `kbs:///repo/type/tag`.
 *
 * @param read gives the text behind a PATH
 * @throws InputError `input-invalid`, `input-missing`, `file-missing`, `file-invalid`; `unsupported` for `pgp:`
 */
export async function readRecipients(
  texts: readonly string[],
  read: (path: string) => Promise<string>,
): Promise<Recipient[]> {
  const found: Recipient[] = []
  for (const text of texts) {
    const path = recipientFile(text)
    const recipient =
      path === null ? kbsRecipient(text) : inFiles[text.slice(0, -path.length - 1)]?.(await read(path), path)
    if (recipient === undefined) throw new TypeError('a file of no scheme')
    if (found.some(({ scheme, keyId }) => keyId === recipient.keyId && scheme === recipient.scheme)) {
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

/** How layer keys are wrapped in one run. */
export interface Wrapping {
  readonly recipients: readonly Recipient[]
  readonly kek: KekWrap
  readonly random: Ports['random']
}

/** Annotations that hold a layer's private options for all recipients, in the form that each reads (coco.md §4). */
export async function wrapFor({ recipients, kek, random }: Wrapping, options: Buffer): Promise<Record<string, string>> {
  const jwe = recipients.flatMap((one) => (one.scheme === 'jwe' ? [one.key] : []))
  const pkcs7 = recipients.flatMap((one) => (one.scheme === 'pkcs7' ? [one.key] : []))
  const pkcs11 = recipients.flatMap((one) => (one.scheme === 'pkcs11' ? [one.key] : []))
  const result: Record<string, string> = {}
  if (jwe.length > 0) result[annotations.jwe] = toBase64(await wrapJwe(options, jwe))
  if (pkcs7.length > 0) result[annotations.pkcs7] = toBase64(wrapPkcs7(options, pkcs7, random))
  if (pkcs11.length > 0) result[annotations.pkcs11] = toBase64(wrapPkcs11(options, pkcs11))
  const packets: string[] = []
  for (const { scheme, keyId } of recipients) {
    if (scheme === 'kbs') packets.push(toBase64(packetBytes({ kid: keyId, ...(await kek(keyId, options)) })))
  }
  if (packets.length > 0) result[annotations.provider] = packets.join(',')
  return result
}

function kbsRecipient(text: string): Recipient {
  if (isKeyUri(text)) return { scheme: 'kbs', keyId: text }
  if (text.startsWith('pgp:'))
    throw new InputError('unsupported', 'recipients: "pgp:" was given, but Sealwright does not encrypt for PGP keys', {
      subject: 'recipients',
      remedy: 'Write jwe:PATH of a public key (PEM or JWK), pkcs7:PATH of a certificate, or kbs:///repo/type/tag.',
    })
  throw new InputError(
    'input-invalid',
    `recipients: ${JSON.stringify(text)} is neither a public key (jwe:PATH, pkcs7:PATH, pkcs11:PATH) nor kbs:///repo/type/tag`,
    {
      subject: 'recipients',
      remedy: text.startsWith('kbs:')
        ? 'A KBS key has exactly three segments of letters, digits, dots, dashes and underscores, and no host.'
        : `For a public key write jwe:${text}, for a KBS key kbs:///repo/type/tag.`,
    },
  )
}
