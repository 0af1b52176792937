import { join } from 'node:path'
import { noteSigner } from '../../testkit/log.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { cosignatureOf } from '../../src/log/collect-cosignatures.ts'
import type { LogStore } from '../../src/log/files.ts'
import { currentHead, tileReader, type SignedHead } from '../../src/log/open-log.ts'
import { openLogStore } from '../../src/log/open-store.ts'
import { consistencyProof } from '../../src/log/read-tree.ts'
import { formatAddCheckpoint, parseAddCheckpoint, Witness, withLines } from '../../src/log/witness.ts'
import { createLog, LogWriter } from '../../src/log/writer.ts'
import { cosignaturesOf, parseWitnessKey } from '../../src/sign/cosignature.ts'
import type { NoteSigner } from '../../src/sign/note-signer.ts'
import { parseNoteKey, parseSignedNote } from '../../src/sign/signed-note.ts'

const ports = testPorts()
const entries = (name: string, count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => Buffer.from(`${name} ${i}`))

async function logOf(
  signer: NoteSigner,
): Promise<{ store: LogStore; append: (entries: Buffer[]) => Promise<SignedHead> }> {
  const store = openLogStore(join(scratch('log'), 'log'), ports)
  await createLog(store, signer, null, {})
  const writer = new LogWriter(store, signer, null, ports)
  return { store, append: async (list) => (await writer.append(list)).head }
}

async function setUp() {
  const signer = await noteSigner()
  const witnessKey = await noteSigner('witness.example', 'cosignature')
  const key = parseNoteKey(signer.vkey, 'log')
  const folder = scratch('witness')
  const watch = () => new Witness(folder, witnessKey, [{ origin: signer.name, key }], ports)
  return { signer, key, witnessKey, watch, log: await logOf(signer) }
}

test('a witness cosigns each state of a log that continues the last one', async () => {
  const { log, watch, witnessKey, signer } = await setUp()
  for (const count of [1, 2, 300]) {
    const head = await log.append(entries(`batch ${count}`, count))
    const line = await cosignatureOf(log.store, head, (body) => watch().add(parseAddCheckpoint(body)))
    const note = parseSignedNote(withLines(head, [line]), 'log')
    const found = cosignaturesOf(note, [parseWitnessKey(witnessKey.vkey)])
    expect(found).toHaveLength(1)
    expect(Math.abs((found[0]?.time.getTime() ?? 0) - Date.now())).toBeLessThan(60_000)
    expect((await watch().last(signer.name)).size).toBe(head.size)
  }
})

test('a witness tells what it knows, and takes the same checkpoint again', async () => {
  const { log, watch } = await setUp()
  const head = await log.append(entries('a', 3))
  const first = { old: 0, proof: [], note: head.note }
  expect(typeof (await watch().add(first))).toBe('string')
  expect(await watch().add(first)).toEqual({ known: 3 })
  expect(typeof (await watch().add({ ...first, old: 3 }))).toBe('string')
})

test('a witness that saw another history refuses', async () => {
  const { log, watch, signer } = await setUp()
  const seen = await log.append(entries('a', 5))
  await watch().add({ old: 0, proof: [], note: seen.note })
  const fork = await logOf(signer)
  const same = await fork.append(entries('b', 5))
  await expect(watch().add({ old: 5, proof: [], note: same.note })).rejects.toMatchObject({ code: 'log-broken' })
  const longer = await fork.append(entries('c', 4))
  const proof = await consistencyProof(5, 9, tileReader(fork.store))
  await expect(watch().add({ old: 5, proof, note: longer.note })).rejects.toMatchObject({ code: 'log-broken' })
  await expect(watch().add({ old: 5, proof: [], note: longer.note })).rejects.toMatchObject({ code: 'log-broken' })
  const smaller = await logOf(signer)
  const back = await smaller.append(entries('a', 4))
  await expect(watch().add({ old: 5, proof: [], note: back.note })).rejects.toMatchObject({ code: 'input-invalid' })
  await expect(
    cosignatureOf(smaller.store, back, (body) => watch().add(parseAddCheckpoint(body))),
  ).rejects.toMatchObject({ code: 'rolled-back' })
  expect((await watch().last(signer.name)).root).toEqual(seen.root)
})

test('a witness cosigns only logs that it watches, by their key', async () => {
  const { watch, log, signer } = await setUp()
  const other = await logOf(await noteSigner('other.example'))
  const strange = await other.append(entries('a', 1))
  await expect(watch().add({ old: 0, proof: [], note: strange.note })).rejects.toMatchObject({ code: 'not-found' })
  const thief = await logOf(await noteSigner(signer.name))
  const forged = await thief.append(entries('a', 1))
  await expect(watch().add({ old: 0, proof: [], note: forged.note })).rejects.toMatchObject({
    code: 'signature-invalid',
  })
  const { note } = await log.append(entries('a', 1))
  const changed = Buffer.from(note.toString().replace('\n1\n', '\n2\n'))
  await expect(watch().add({ old: 0, proof: [], note: changed })).rejects.toMatchObject({ code: 'signature-invalid' })
})

test('a checkpoint that was asked for by several at once is cosigned in order', async () => {
  const { log, watch, key } = await setUp()
  const heads: SignedHead[] = []
  for (let i = 0; i < 4; i++) heads.push(await log.append(entries(`e${i}`, 1)))
  const ask = (head: SignedHead) =>
    cosignatureOf(log.store, head, (body) => watch().add(parseAddCheckpoint(body))).then(
      () => 'cosigned',
      (error: { code: string }) => error.code,
    )
  const answers = await Promise.all(heads.map(ask))
  expect(answers[3]).toBe('cosigned')
  expect(answers.every((answer) => answer === 'cosigned' || answer === 'rolled-back')).toBe(true)
  expect((await watch().last((await currentHead(log.store, key)).origin)).size).toBe(4)
})

test('a request has one form', () => {
  const request = { old: 3, proof: [Buffer.alloc(32, 1)], note: Buffer.from('a\n1\nb\n\n— x y\n') }
  const body = formatAddCheckpoint(request)
  expect(parseAddCheckpoint(body)).toEqual(request)
  const bad = [
    'old 03\n\nx',
    'old 3\nx\n\nx',
    'old 3\nAA==\n\nx',
    'new 3\n\nx',
    'old 3\n',
    `old 3\n${`${Buffer.alloc(32).toString('base64')}\n`.repeat(64)}\nx`,
    'old 9999999999999999\n\nx',
  ]
  for (const text of bad)
    expect(() => parseAddCheckpoint(Buffer.from(text))).toThrow(expect.objectContaining({ code: 'format-invalid' }))
})
