import { randomBytes } from 'node:crypto'
import { readFile } from 'node:fs/promises'
import { fromBase64 } from '../../../src/encoding/base64.ts'
import { parsePacket, unwrapWithKek } from '../../../src/encrypt/packet.ts'
import { answerProvider, type ProviderKeys } from '../../../src/encrypt/provider/provider.ts'
import { vector, withPeers } from '../../../testkit/peers.ts'
import { codeOf } from '../support.ts'

const uri = 'kbs:///default/image-kek/one'
const kek = randomBytes(32)
const options = Buffer.from(
  JSON.stringify({
    symkey: randomBytes(32).toString('base64'),
    digest: `sha256:${'0'.repeat(64)}`,
    cipheroptions: { nonce: randomBytes(16).toString('base64') },
  }),
)
const keys: ProviderKeys = { kek: async (wanted) => (wanted === uri ? kek : null), usual: uri, name: null }
const base64 = (text: string): string => Buffer.from(text).toString('base64')

const wrapRequest = (parameters: Record<string, unknown>, optsdata: unknown = options.toString('base64')): Buffer =>
  Buffer.from(
    JSON.stringify({
      op: 'keywrap',
      keywrapparams: { ec: { Parameters: parameters, DecryptConfig: { Parameters: {} } }, optsdata },
      keyunwrapparams: { dc: null, annotation: null },
    }),
  )
const unwrapRequest = (annotation: unknown): Buffer =>
  Buffer.from(JSON.stringify({ op: 'keyunwrap', keyunwrapparams: { dc: { Parameters: {} }, annotation } }))

async function wrapped(request: Buffer, given: ProviderKeys = keys): Promise<Buffer> {
  const answer = JSON.parse(await answerProvider(request, given, randomBytes)) as {
    keywrapresults: { annotation: number[] }
  }
  return Buffer.from(answer.keywrapresults.annotation)
}

async function unwrapped(annotation: unknown, given: ProviderKeys = keys): Promise<Buffer> {
  const answer = JSON.parse(await answerProvider(unwrapRequest(annotation), given, randomBytes)) as {
    keyunwrapresults: { optsdata: number[] }
  }
  return Buffer.from(answer.keyunwrapresults.optsdata)
}

describe('the key provider protocol', () => {
  test.each([
    ['base64, as Go writes it', options.toString('base64')],
    ['an array of numbers, as Rust does', [...options]],
    ['plain text, as ocicrypt-rs does', options.toString('utf8')],
  ])('private options in %s are wrapped and come back', async (_, optsdata) => {
    const packet = await wrapped(wrapRequest({ any: [base64(uri)] }, optsdata))
    expect(JSON.parse(packet.toString())).toMatchObject({ version: '0.1.0', provider: 'kbs', kid: uri })
    expect(await unwrapped(packet.toString('base64'))).toEqual(options)
    expect(await unwrapped([...packet])).toEqual(options)
  })

  test.each(['', uri, `keyid=${uri}`, `keyid=${uri}::algorithm=A256GCM`])('a caller may ask by %j', async (text) => {
    const packet = parsePacket(await wrapped(wrapRequest({ name: [base64(text)] })), 'test')
    expect(packet.kid).toBe(uri)
    expect(unwrapWithKek(kek, packet)).toEqual(options)
  })

  test.each([
    ['a file', `keyid=${uri}::keypath=/etc/passwd`, '`keypath` is refused'],
    ['the sample key', 'sample=true', '`sample` is refused'],
    ['A256CTR', `keyid=${uri}::algorithm=A256CTR`, 'is not kbs'],
    ['an id without scheme', 'keyid=default/image-kek/one', 'is not kbs'],
    ['five parts', 'keyid=kbs:///a/b/c/d', 'is not kbs'],
  ])('a caller may not ask for %s', async (_, text, why) => {
    await expect(wrapped(wrapRequest({ name: [base64(text)] }))).rejects.toMatchObject({
      code: 'input-invalid',
      message: expect.stringContaining(why),
    })
  })

  test('a key that is not here, no key, two keys, two providers', async () => {
    const other = 'kbs:///default/image-kek/two'
    expect(await codeOf(wrapped(wrapRequest({ name: [base64(other)] })))).toBe('not-found')
    expect(await codeOf(wrapped(wrapRequest({ name: [''] }), { ...keys, usual: null }))).toBe('input-invalid')
    expect(await codeOf(wrapped(wrapRequest({ name: [base64(uri), base64(other)] })))).toBe('input-invalid')
    const two = wrapRequest({ name: [base64(uri)], other: [base64('x')], pubkeys: [base64('a JWE key')] })
    expect(await codeOf(wrapped(two))).toBe('input-invalid')
    expect(await codeOf(wrapped(two, { ...keys, name: 'name' }))).toBe('resolved')
    const short = { ...keys, kek: async () => Buffer.alloc(16) }
    expect(await codeOf(wrapped(wrapRequest({ name: [base64(uri)] }), short))).toBe('decryption-failed')
  })

  test('another key, a changed packet and the other method are refused', async () => {
    const packet = await wrapped(wrapRequest({ name: [base64(uri)] }))
    const other = { ...keys, kek: async () => randomBytes(32) }
    expect(await codeOf(unwrapped(packet.toString('base64'), other))).toBe('decryption-failed')
    const changed = JSON.parse(packet.toString()) as Record<string, string>
    changed['iv'] = Buffer.alloc(12).toString('base64')
    expect(await codeOf(unwrapped(base64(JSON.stringify(changed))))).toBe('decryption-failed')
    expect(await codeOf(answerProvider(unwrapRequest(''), keys, randomBytes, 'keywrap'))).toBe('input-invalid')
  })

  test.each([
    ['no JSON', 'x'],
    ['no object', '[]'],
    ['another operation', '{"op":"sign"}'],
    ['no parameters', '{"op":"keywrap"}'],
    ['a null annotation', '{"op":"keyunwrap","keyunwrapparams":{"dc":null,"annotation":null}}'],
    ['numbers that are no bytes', '{"op":"keyunwrap","keyunwrapparams":{"annotation":[256]}}'],
    ['text that is not base64', '{"op":"keyunwrap","keyunwrapparams":{"annotation":"!"}}'],
    ['more than a MiB', ' '.repeat((1 << 20) + 1)],
  ])('%s is refused as wrong input', async (_, text) => {
    expect(['input-invalid', 'file-invalid']).toContain(
      await codeOf(answerProvider(Buffer.from(text), keys, randomBytes)),
    )
  })

  withPeers(['vectors:coco/kbs-wire/keyprovider.json'], 'the recorded requests of coco_keyprovider', async () => {
    const recorded = JSON.parse(await readFile(vector('coco/kbs-wire/keyprovider.json'), 'utf8')) as {
      case: string
      request?: { op: string; keywrapparams?: { optsdata: string } }
      packet?: { kid: string }
    }[]
    const given = { ...keys, kek: async () => kek, usual: uri }
    const told: Record<string, string> = {}
    for (const { case: name, request } of recorded) {
      if (request === undefined) continue
      const bytes = Buffer.from(JSON.stringify(request))
      told[name] = await codeOf(answerProvider(bytes, given, randomBytes))
      if (told[name] !== 'resolved' || request.op !== 'keywrap') continue
      const packet = parsePacket(await wrapped(bytes, given), name)
      expect(unwrapWithKek(kek, packet)).toEqual(fromBase64(request.keywrapparams?.optsdata ?? '', name))
    }
    // It reads files that a caller names and has a sample key, which we have not; and it takes any id.
    expect(told).toMatchInlineSnapshot(`
     {
       "algorithm A256CTR asked": "input-invalid",
       "id of five parts": "input-invalid",
       "id without scheme": "input-invalid",
       "key file and id": "input-invalid",
       "key file missing": "input-invalid",
       "no key file": "resolved",
       "no parameters": "resolved",
       "other provider name": "input-invalid",
       "sample": "input-invalid",
       "without keyunwrapparams": "input-invalid",
     }
    `)
  })
})
