import { InputError } from '../../base/errors.ts'

/** What a PKCS #11 URI selects (RFC 7512 §2.3), as far as `pkcs11-tool` can be told. */
export interface Pkcs11Uri {
  token: string | null
  /** Label of the key. */
  object: string | null
  /** Lower-case hex of the key's id. */
  id: string | null
  /** Absolute path of the module. */
  module: string
  /** Absolute path of a file with the PIN, or null. */
  pinFile: string | null
}

const pathNames = ['token', 'object', 'id', 'type'] as const
const queryNames = ['module-path', 'pin-source'] as const

/**
 * Reads a PKCS #11 URI. `pin-value` is refused, because a URI stands in files and logs; attributes that select nothing here are refused too,
 * because a reader would believe that they do.
 *
 * @throws InputError `input-invalid`
 */
export function parsePkcs11Uri(text: string): Pkcs11Uri {
  const [, path = '', query = ''] = /^pkcs11:([^?]*)(?:\?(.*))?$/.exec(text) ?? []
  if (!text.startsWith('pkcs11:')) throw refuse(`${JSON.stringify(text)} does not begin with "pkcs11:"`)
  const attributes = members(path, ';', pathNames)
  const options = members(query, '&', queryNames)
  const type = attributes.get('type')?.toString('utf8')
  if (type !== undefined && type !== 'private')
    throw refuse(`\`type\` is ${JSON.stringify(type)}; only "private" signs`)
  const module = options.get('module-path')?.toString('utf8')
  if (module?.startsWith('/') !== true) throw refuse('`module-path` is missing or not an absolute path')
  const object = attributes.get('object')?.toString('utf8') ?? null
  const id = attributes.get('id')?.toString('hex') ?? null
  if (object === null && id === null) throw refuse('it names neither `object` nor `id`')
  const source = options.get('pin-source')?.toString('utf8') ?? null
  const pinFile = source === null ? null : source.replace(/^file:(?:\/\/(?=\/))?/, '')
  if (pinFile?.startsWith('/') === false) throw refuse('`pin-source` is not an absolute path or file: URI')
  return { token: attributes.get('token')?.toString('utf8') ?? null, object, id, module, pinFile }
}

function members(text: string, separator: string, allowed: readonly string[]): Map<string, Buffer> {
  const found = new Map<string, Buffer>()
  if (text === '') return found
  for (const part of text.split(separator)) {
    const [, name, value] = /^([a-z-]+)=(.*)$/.exec(part) ?? []
    if (name === undefined || value === undefined) throw refuse(`${JSON.stringify(part)} is not NAME=VALUE`)
    if (name === 'pin-value') throw refuse('`pin-value` puts the PIN into the URI')
    if (!allowed.includes(name))
      throw refuse(`the attribute \`${name}\` is not supported; supported: ${allowed.join(', ')}`)
    if (found.has(name)) throw refuse(`\`${name}\` stands twice`)
    found.set(name, decoded(value))
  }
  return found
}

/** Percent decoding to bytes: an `id` is seldom text. */
function decoded(text: string): Buffer {
  if (/%(?![0-9A-Fa-f]{2})/.test(text)) throw refuse(`${JSON.stringify(text)} has a "%" without two hex digits`)
  const parts = text.split(/(%[0-9A-Fa-f]{2})/)
  return Buffer.concat(
    parts.map((part, i) => (i % 2 === 1 ? Buffer.from(part.slice(1), 'hex') : Buffer.from(part, 'utf8'))),
  )
}

function refuse(why: string): InputError {
  return new InputError('input-invalid', `\`signer\` is not a PKCS #11 URI that can be used: ${why}`, {
    subject: 'signer',
    remedy:
      'Write pkcs11:token=NAME;object=LABEL?module-path=/usr/lib/softhsm/libsofthsm2.so and give the PIN as `key-password` (env:NAME or a file).',
  })
}
