import { collect, digesting, sha256, verified } from '../../src/base/streams.ts'
import { errorRecord, InputError, toSealwrightError } from '../../src/base/errors.ts'
import { version } from '../../src/base/version.ts'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../testkit/peers.ts'

async function* chunks(...parts: string[]): AsyncGenerator<Uint8Array> {
  for (const part of parts) yield Buffer.from(part)
}

describe('verified', () => {
  const want = { digest: sha256('hello'), size: 5 }
  test('passes the described bytes on', async () => {
    expect((await collect(verified(chunks('he', 'llo'), want), 100, 'x')).toString()).toBe('hello')
  })
  test.each([['hell'], ['hello!'], ['hellO'], ['']])('refuses other bytes: %j', async (text) => {
    await expect(collect(verified(chunks(text), want), 100, 'x')).rejects.toMatchObject({ code: 'digest-mismatch' })
  })
})

test('digesting tells digest and size of what went by', async () => {
  const { stream, result } = digesting(chunks('a', 'b'))
  await collect(stream, 10, 'x')
  expect(result()).toEqual({ digest: sha256('ab'), size: 2 })
})

test('collect refuses more than its limit', async () => {
  await expect(collect(chunks('aaa', 'bbb'), 5, 'thing')).rejects.toMatchObject({
    code: 'format-invalid',
    subject: 'thing',
  })
})

test('an error record keeps code, subject and remedy; a foreign error is internal', () => {
  expect(errorRecord(new InputError('not-found', 'm', { subject: 's', remedy: 'r' }))).toEqual({
    code: 'not-found',
    message: 'm',
    subject: 's',
    remedy: 'r',
  })
  expect(toSealwrightError(new TypeError('x'))).toMatchObject({ code: 'internal', exitCode: 4 })
})

test('the version is that of package.json', () => {
  const { version: wanted } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  expect(version).toBe(wanted)
})
