import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { fetchNonce } from '../../src/agent/nonce.ts'
import type { Ports } from '../../src/base/ports.ts'
import { readCheckpoint } from '../../src/sign/checkpoint.ts'
import { parseNoteKey, parseSignedNote } from '../../src/sign/signed-note.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { fakeHttp, scratch, testPorts } from '../../testkit/ports.ts'

const origin = 'log.example/test'
const text = `${origin}\n42\n${Buffer.alloc(32, 7).toString('base64')}\n`
const ed = generateKeyPairSync('ed25519')
const ec = generateKeyPairSync('ec', { namedCurve: 'P-256' })

function vkey(name: string, key: KeyObject): { vkey: string; id: Buffer } {
  const bytes = Buffer.concat([Buffer.from([1]), Buffer.from(String(key.export({ format: 'jwk' }).x), 'base64url')])
  const id = createHash('sha256').update(`${name}\n`).update(bytes).digest().subarray(0, 4)
  return { vkey: `${name}+${id.toString('hex')}+${bytes.toString('base64')}`, id }
}
const pinned = vkey(origin, ed.publicKey)
const pemOf = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }).toString()
const line = (name: string, id: Buffer, signature: Buffer): string =>
  `\u2014 ${name} ${Buffer.concat([id, signature]).toString('base64')}\n`
const edLine = (over = text): string => line(origin, pinned.id, sign(null, Buffer.from(over), ed.privateKey))
const ecId = createHash('sha256')
  .update(ec.publicKey.export({ type: 'spki', format: 'der' }))
  .digest()
  .subarray(0, 4)
const ecLine = line('rekor.example', ecId, sign('sha256', Buffer.from(text), ec.privateKey))
const note = `${text}\n${ecLine}${edLine()}`

function serving(body: string | Buffer, status = 200): Ports {
  return { ...testPorts(), http: fakeHttp(async () => new Response(body, { status })) }
}
const fetchFrom = (
  body: string | Buffer,
  logKey: string | null,
  status = 200,
  url = 'https://log.example/checkpoint',
) => fetchNonce({ nonce: `log:${url}`, kbsUrl: null, technology: 'auto', logKey }, serving(body, status))

test('a log’s checkpoint becomes the nonce, signed by the pinned key or told as unsigned', async () => {
  const digest = createHash('sha256').update(text).digest('hex')
  for (const key of [pinned.vkey, pemOf(ec.publicKey), `${pinned.vkey}\n`]) {
    const nonce = await fetchFrom(note, key)
    expect(nonce.given).toBe(`log:${origin}@42 sha256:${digest}`)
    expect(nonce.note).toContain('its signature holds')
    expect(nonce.checkpoint?.toString()).toBe(note)
  }
  // Witnesses sign later: their lines change nothing.
  const witnessed = `${note}${line('witness', Buffer.alloc(4), Buffer.alloc(64))}`
  expect((await fetchFrom(witnessed, null)).given).toBe(`log:${origin}@42 sha256:${digest}`)
  expect((await fetchFrom(note, null)).note).toContain('nobody checked its signature')
})

test.each([
  ['another size', note.replace('\n42\n', '\n43\n')],
  ['another root', note.replace('Bw', 'Cw')],
  ['another origin', note.replace(`${origin}\n`, 'log.example/evil\n')],
  ['only the other signature', `${text}\n${ecLine}`],
  ['a signature under another name', `${text}\n${edLine().replace(`${origin} `, 'x ')}`],
  ['a signature over other text', `${text}\n${edLine('x')}`],
])('%s is refused under the pinned key', async (_, body) => {
  await expect(fetchFrom(body, pinned.vkey)).rejects.toMatchObject({ code: 'signature-invalid' })
})

test.each([
  ['nothing', ''],
  ['no signature', text],
  ['a page', '<html>\n\n</html>\n'],
  ['a leading zero in the size', note.replace('\n42\n', '\n042\n')],
  ['a size that is no number', note.replace('\n42\n', '\n-1\n')],
  ['a short root', note.replace(/\n42\n.*\n/, `\n42\n${Buffer.alloc(31).toString('base64')}\n`)],
  ['no final newline', note.slice(0, -1)],
  ['control characters', note.replace('log.', 'l\tog.')],
  ['no UTF-8', Buffer.concat([Buffer.from([0xff]), Buffer.from(note)])],
  ['a signature line without name', `${text}\n\u2014 ${Buffer.alloc(68).toString('base64')}\n`],
  ['a signature too short', `${text}\n${line('x', Buffer.alloc(4), Buffer.alloc(0))}`],
  ['too many lines', `${text}\n${edLine().repeat(101)}`],
  ['too much', note + 'x'.repeat(70_000)],
])('%s is no checkpoint', async (_, body) => {
  await expect(fetchFrom(body, null)).rejects.toMatchObject({ code: 'format-invalid' })
})

test('addresses and keys that are wrong', async () => {
  await expect(fetchFrom(note, null, 404)).rejects.toMatchObject({ code: 'log-error' })
  await expect(fetchFrom(note, null, 200, 'http://log.example/checkpoint')).rejects.toMatchObject({
    code: 'input-invalid',
  })
  const p384 = generateKeyPairSync('ec', { namedCurve: 'P-384' }).publicKey
  const [name, , key] = pinned.vkey.split('+')
  for (const bad of [
    '',
    'x',
    `${name}+00000000+${key}`,
    `other+${pinned.id.toString('hex')}+${key}`,
    pemOf(p384),
    `${pinned.vkey}x`,
  ]) {
    await expect(fetchFrom(note, bad)).rejects.toMatchObject({ code: 'file-invalid' })
  }
  expect(parseNoteKey(pemOf(ed.publicKey), 'x').name).toBeNull()
  expect(parseSignedNote(Buffer.from(note), 'x').signatures).toHaveLength(2)
  expect(readCheckpoint(Buffer.from(note), null, 'x').size).toBe(42n)
})

test('a KBS gives its challenge; what is no KBS does not', async () => {
  const ports = testPorts()
  const kbs = await startKbs({ directory: scratch('kbs'), listen: '127.0.0.1:0', ports })
  const ask = (kbsUrl: string | null, with_ = ports) =>
    fetchNonce({ nonce: 'kbs', kbsUrl, technology: 'auto', logKey: null }, with_)
  const first = await ask(kbs.url)
  expect(first.given).toMatch(/^kbs:[A-Za-z0-9+/]{43}=$/)
  expect((await ask(kbs.url)).given).not.toBe(first.given)
  await kbs.close()
  await expect(ask(null)).rejects.toMatchObject({ code: 'input-missing' })
  await expect(ask('https://x', serving('{}'))).rejects.toMatchObject({ code: 'kbs-error' })
  await expect(ask('https://x', serving('{"nonce":"short"}'))).rejects.toMatchObject({ code: 'kbs-error' })
  await expect(ask('https://x', serving('no', 503))).rejects.toMatchObject({ code: 'kbs-error' })
})

test('a value that was given is passed on as it is', async () => {
  for (const nonce of ['', 'oidc', 'none', 'verifier:abc', 'kbs:abc', 'log:abc'])
    expect(await fetchNonce({ nonce, kbsUrl: null, technology: 'snp', logKey: null }, testPorts())).toEqual({
      given: nonce,
      note: null,
      checkpoint: null,
    })
})
