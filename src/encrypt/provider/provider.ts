import { InputError, VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { kekBytes, isKeyUri, packetBytes, parsePacket, unwrapWithKek, wrapWithKek } from '../packet.ts'
import { parsePrivateOptions } from '../options.ts'
import { readRequest, responseText, type ProviderRequest } from './messages.ts'

/** Where a key provider has its keys from. */
export interface ProviderKeys {
  /** The KEK of a URI, from a file or a KBS; null where it is not available. */
  readonly kek: (uri: string) => Promise<Buffer | null>
  /** The key that is taken where the caller names none: the only one of a file; null otherwise. */
  readonly usual: string | null
  /** Name of the provider in the caller's configuration, for callers that name several; null for any. */
  readonly name: string | null
}

/**
 * Answers one request of the key provider protocol. Wrapped keys are packets of Confidential Containers, version 2, so that guests open them as well.
 *
 * @param expected operation that the caller asked for by other means (the method of gRPC)
 * @returns the JSON of the answer
 * @throws InputError `input-invalid` for another form, `not-found` for a key that is not available; VerificationError `decryption-failed`
 */
export async function answerProvider(
  request: Uint8Array,
  keys: ProviderKeys,
  random: Ports['random'],
  expected?: ProviderRequest['op'],
): Promise<string> {
  const read = readRequest(request)
  if (expected !== undefined && read.op !== expected)
    throw refuse(`the request asks for ${read.op}, but the method is that of ${expected}`)
  if (read.op === 'keyunwrap') {
    const packet = parsePacket(read.packet, 'the request')
    const options = unwrapWithKek(await keyOf(packet.kid, keys), packet)
    // A wrong key shows itself in A256CTR only here.
    parsePrivateOptions(options, 'the request')
    return responseText(read.op, options)
  }
  const uri = wantedKey(read.parameters, keys)
  const iv = random(12)
  const wrapped = wrapWithKek(await keyOf(uri, keys), read.options, iv)
  return responseText(read.op, packetBytes({ kid: uri, wrapped, iv }))
}

async function keyOf(uri: string, { kek }: ProviderKeys): Promise<Buffer> {
  const key = await kek(uri)
  if (key === null)
    throw new InputError('not-found', `the key ${uri} is not available here`, {
      subject: uri,
      remedy: 'Start the key provider with `key-file` URI=FILE for this key, or with `kbs-url`.',
    })
  if (key.length === kekBytes) return key
  throw new VerificationError('decryption-failed', `the key ${uri} has ${key.length} bytes, expected ${kekBytes}`, {
    subject: uri,
  })
}

/** The key that a caller asks for: `kbs:///…`, or `keyid=kbs:///…` as coco_keyprovider takes it. */
function wantedKey(given: ReadonlyMap<string, readonly string[]>, { usual, name }: ProviderKeys): string {
  const [only, ...more] = name === null ? [...given.keys()] : [name]
  if (only === undefined || more.length > 0)
    throw refuse(`the request names ${given.size} providers; start this one with \`provider\` NAME`)
  const uris = new Set((given.get(only) ?? []).map((text) => keyIn(text) ?? usual))
  const [uri, another] = uris
  if (uri === undefined || uri === null)
    throw refuse('the request names no key: write provider:NAME:kbs:///repo/type/tag')
  if (another !== undefined) throw refuse('the request names more than one key; a packet has one')
  return uri
}

function keyIn(text: string): string | null {
  let uri: string | null = null
  for (const part of text.split('::').filter((one) => one !== '')) {
    const [name, value] = part.startsWith('kbs:')
      ? ['keyid', part]
      : [part.split('=', 1)[0], part.replace(/^[^=]*=?/, '')]
    if (name === 'keyid' && value !== undefined && isKeyUri(value)) uri = value
    else if (name === 'algorithm' && value === 'A256GCM') continue
    // A caller that names files would have this process read them with its own rights.
    else if (name === 'keypath' || name === 'sample')
      throw refuse(`the parameter \`${name}\` is refused: keys are those that the provider was started with`)
    else throw refuse(`the parameter ${JSON.stringify(part.slice(0, 200))} is not kbs:///repo/type/tag`)
  }
  return uri
}

function refuse(message: string): InputError {
  return new InputError('input-invalid', message, {
    subject: 'keyprovider',
    remedy: 'See docs/encryption.md for what a caller may ask.',
  })
}
