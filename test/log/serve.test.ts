import { createHash, generateKeyPairSync, sign } from 'node:crypto'
import { join } from 'node:path'
import { noteSigner } from '../../testkit/log.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { askOver, collectCosignatures } from '../../src/log/collect-cosignatures.ts'
import { keyDetailsOf, parseEntry } from '../../src/log/hashedrekord.ts'
import { fileMemory } from '../../src/log/memory.ts'
import { currentHead } from '../../src/log/open-log.ts'
import { openLogFiles, openLogStore } from '../../src/log/open-store.ts'
import { openRecorder } from '../../src/log/recorder.ts'
import { listenOn, type Listening } from '../../src/log/serve/http.ts'
import { logAnswers } from '../../src/log/serve/log-server.ts'
import { witnessAnswers } from '../../src/log/serve/witness-server.ts'
import { verifyLog } from '../../src/log/verify-log.ts'
import { Witness } from '../../src/log/witness.ts'
import { createLog } from '../../src/log/writer.ts'
import { cosignaturesOf, parseWitnessKey } from '../../src/sign/cosignature.ts'
import { parseNoteKey, parseSignedNote } from '../../src/sign/signed-note.ts'

const ports = testPorts()
const open: Listening[] = []
afterAll(async () => {
  for (const server of open) await server.close()
})

type Request = Record<string, unknown>

const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const spki = publicKey.export({ format: 'der', type: 'spki' })

/** A request of Rekor v2 for a signature over a text. */
function request(
  text: string,
  change: (parts: { digest: Buffer; signature: Buffer }) => void = () => {},
  der = spki,
): Request {
  const parts = {
    digest: createHash('sha256').update(text).digest(),
    signature: sign('sha256', Buffer.from(text), privateKey),
  }
  change(parts)
  return {
    hashedRekordRequestV002: {
      digest: parts.digest.toString('base64'),
      signature: {
        content: parts.signature.toString('base64'),
        verifier: { publicKey: { rawBytes: der.toString('base64') }, keyDetails: keyDetailsOf(publicKey) },
      },
    },
  }
}

async function serve() {
  const signer = await noteSigner()
  const witnessKey = await noteSigner('witness.example', 'cosignature')
  const directory = join(scratch('log'), 'log')
  const store = openLogStore(directory, ports)
  await createLog(store, signer, null, { 'log.vkey': Buffer.from(signer.vkey) })
  const key = parseNoteKey(signer.vkey, 'log')
  const witness = new Witness(scratch('witness'), witnessKey, [{ origin: signer.name, key }], ports)
  const watching = await listenOn('127.0.0.1:0', witnessAnswers(witness), ports)
  const recorder = openRecorder(
    store,
    signer,
    fileMemory(join(scratch('m'), 'last')),
    [askOver(watching.url, ports)],
    ports,
  )
  const server = await listenOn(
    '127.0.0.1:0',
    logAnswers(store, recorder, { keys: [spki], authorities: [] }, ports.clock),
    ports,
  )
  open.push(watching, server)
  const post = async (body: Request | string): Promise<{ status: number; answer: Record<string, unknown> }> => {
    const response = await fetch(`${server.url}/api/v2/log/entries`, {
      method: 'POST',
      body: typeof body === 'string' ? body : JSON.stringify(body),
    })
    return { status: response.status, answer: (await response.json()) as Record<string, unknown> }
  }
  return { server, watching, post, key, signer, witnessKey, directory, store }
}

test('a served log takes signatures of listed keys, and is read and verified over HTTP', async () => {
  const { server, post, key, witnessKey } = await serve()
  const answers = await Promise.all(Array.from({ length: 40 }, (_, i) => post(request(`text ${i % 39}`))))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([201]))
  const [first] = answers
  const proof = first?.answer['inclusionProof'] as { checkpoint: { envelope: string } }
  const note = parseSignedNote(Buffer.from(proof.checkpoint.envelope), 'log')
  expect(cosignaturesOf(note, [parseWitnessKey(witnessKey.vkey)])).toHaveLength(1)
  const files = openLogFiles(server.url, ports)
  const head = await currentHead(files, key)
  // Randomised signatures: each is an entry of its own.
  expect(head.size).toBe(40)
  await verifyLog(files, head, (body) => void parseEntry(body, 'entry'))
  expect((await fetch(`${server.url}/api/v2/checkpoint`)).status).toBe(200)
  expect((await fetch(`${server.url}/api/v2/tile/0/000.p/40`)).status).toBe(200)
  expect(await (await fetch(`${server.url}/log.vkey`)).text()).toContain('log.example.internal+')
})

test('the same request gives the same index', async () => {
  const { post } = await serve()
  const one = request('text')
  const answers = [await post(one), await post(request('other')), await post(one)]
  expect(answers.map(({ answer }) => answer['logIndex'])).toEqual(['0', '1', '0'])
})

test('what no listed key signed is refused', async () => {
  const { post, store, key } = await serve()
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'der', type: 'spki' })
  const flip = (bytes: Buffer): void => void (bytes[10] = (bytes[10] ?? 0) ^ 1)
  const tries: [Request | string, number, string][] = [
    [request('a', () => {}, other), 403, 'denied'],
    [request('a', ({ digest }) => flip(digest)), 400, 'signature-invalid'],
    [request('a', ({ signature }) => flip(signature)), 400, 'signature-invalid'],
    [request('a', (parts) => (parts.digest = parts.digest.subarray(1))), 400, 'format-invalid'],
    [request('a', () => {}, Buffer.from('key')), 400, 'format-invalid'],
    [{ dsseRequestV002: {} }, 400, 'format-invalid'],
    ['{', 400, 'format-invalid'],
    ['x'.repeat(2 << 20), 400, 'format-invalid'],
  ]
  for (const [body, status, title] of tries) {
    const { status: found, answer } = await post(body)
    expect({ status: found, title: answer['title'] }).toEqual({ status, title })
  }
  expect((await currentHead(store, key)).size).toBe(0)
})

test('a server gives no other file', async () => {
  const { server } = await serve()
  for (const path of [
    '/',
    '/tile/0/001',
    '/tile/0/../../checkpoint',
    '/.x',
    '/tile/0/000.p/1',
    '/tile/entries',
    '/log.pem',
  ])
    expect({ path, status: (await fetch(`${server.url}${path}`)).status }).toEqual({
      path,
      status: path.includes('..') ? 200 : 404,
    })
  expect((await fetch(`${server.url}/checkpoint`, { method: 'DELETE' })).status).toBe(404)
})

test('a served witness answers as C2SP tlog-witness says', async () => {
  const { watching, server, key, signer } = await serve()
  const post = (body: string): Promise<number> =>
    fetch(`${watching.url}/add-checkpoint`, { method: 'POST', body }).then(({ status }) => status)
  const { note } = await currentHead(openLogFiles(server.url, ports), key)
  const text = note.toString()
  expect(await post(`old 0\n\n${text}`)).toBe(200)
  expect(await post(`old 1\n\n${text}`)).toBe(400)
  expect(await post('nothing')).toBe(400)
  expect(await post(`old 0\n\n${text.replaceAll(signer.name, 'other.example')}`)).toBe(404)
  expect(await post(`old 0\n\n${text.replace('\n0\n', '\n1\n')}`)).toBe(403)
})

test('a log whose witness saw another history is told so', async () => {
  const { watching, signer, post } = await serve()
  await post(request('a'))
  const fork = openLogStore(join(scratch('fork'), 'log'), ports)
  await createLog(fork, signer, null, {})
  const recorder = openRecorder(fork, signer, null, [askOver(watching.url, ports)], ports)
  await expect(recorder.record(Buffer.from('b'))).rejects.toMatchObject({ code: 'log-broken' })
  const head = await currentHead(fork, parseNoteKey(signer.vkey, 'log'))
  await expect(collectCosignatures(fork, head, [askOver(watching.url, ports)])).rejects.toMatchObject({
    code: 'log-broken',
  })
})

test('it listens on this machine only', async () => {
  const nothing = () => Promise.resolve(null)
  for (const listen of ['0.0.0.0:0', '192.0.2.1:80', '127.0.0.1', 'localhost:99999'])
    await expect(listenOn(listen, nothing, ports).then((server) => server.close())).rejects.toMatchObject({
      code: 'input-invalid',
    })
})
