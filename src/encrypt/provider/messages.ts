import { InputError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../../base/json.ts'
import { fromBase64 } from '../../encoding/base64.ts'

/** A request of the key provider protocol (ocicrypt `keywrap/keyprovider`; coco.md §4.3). */
export type ProviderRequest =
  | {
      readonly op: 'keywrap'
      /** Private options of a layer. */
      readonly options: Buffer
      /** What the user wrote behind `provider:NAME:`, by name. */
      readonly parameters: ReadonlyMap<string, readonly string[]>
    }
  | { readonly op: 'keyunwrap'; readonly packet: Buffer }

/** Largest message in bytes: private options have 200, a packet 600. */
export const messageLimit = 1 << 20

/** Parameters that belong to other forms of ocicrypt, whose JSON carries all of them. */
const foreign = new Set([
  'pubkeys',
  'x509s',
  'gpg-recipients',
  'gpg-pubkeyringfile',
  'pkcs11-pubkeys',
  'pkcs11-yamls',
  'pkcs11-config',
])

/**
 * Reads a request. Go writes bytes as base64, Rust as an array of numbers, and ocicrypt-rs the private options as they are.
 *
 * @throws InputError `input-invalid` for another form
 */
export function readRequest(bytes: Uint8Array): ProviderRequest {
  if (bytes.length > messageLimit) throw invalid(`has more than ${messageLimit} bytes`)
  const value = parseJson(Buffer.from(bytes).toString('utf8'), 'the key provider request', 'input')
  if (!isObject(value)) throw invalid('is not an object')
  // Go writes the parameters of both operations, empty where they do not count.
  if (value['op'] === 'keyunwrap')
    return { op: 'keyunwrap', packet: bytesOf(part(value, 'keyunwrapparams')['annotation'], 'annotation') }
  if (value['op'] !== 'keywrap')
    throw invalid(`has the operation ${JSON.stringify(value['op'] ?? null)}, not keywrap or keyunwrap`)
  const params = part(value, 'keywrapparams')
  const given = part(params, 'ec')['Parameters']
  const parameters = new Map<string, readonly string[]>()
  for (const [name, list] of Object.entries(isObject(given) ? given : {})) {
    if (!foreign.has(name) && Array.isArray(list))
      parameters.set(
        name,
        list.map((one) => bytesOf(one, `parameter of ${name}`).toString('utf8')),
      )
  }
  return { op: 'keywrap', options: bytesOf(params['optsdata'], 'optsdata'), parameters }
}

/** The answer to a request. Bytes are arrays of numbers, which Go and Rust both read. */
export function responseText(op: ProviderRequest['op'], result: Uint8Array): string {
  const numbers = [...result]
  return JSON.stringify(
    op === 'keywrap' ? { keywrapresults: { annotation: numbers } } : { keyunwrapresults: { optsdata: numbers } },
  )
}

function part(value: JsonObject, name: string): JsonObject {
  const found = value[name]
  if (!isObject(found)) throw invalid(`has no \`${name}\``)
  return found
}

function bytesOf(value: JsonValue | undefined, name: string): Buffer {
  if (Array.isArray(value) && value.every(isByte)) return Buffer.from(value)
  if (typeof value !== 'string')
    throw invalid(`has a value of \`${name}\` that is neither base64 nor an array of bytes`)
  if (value.startsWith('{')) return Buffer.from(value)
  try {
    return fromBase64(value, name)
  } catch (cause) {
    throw invalid(`has a value of \`${name}\` that is not base64`, cause)
  }
}

function isByte(value: JsonValue): value is number {
  return typeof value === 'number' && Number.isInteger(value) && value >= 0 && value < 256
}

function invalid(why: string, cause?: unknown): InputError {
  return new InputError('input-invalid', `the key provider request ${why}`, {
    subject: 'keyprovider',
    cause,
    remedy: 'Send the JSON of the key provider protocol of ocicrypt.',
  })
}
