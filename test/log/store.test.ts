import { cpSync, existsSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { noteSigner } from '../../testkit/log.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import type { LogStore } from '../../src/log/files.ts'
import { leafHash } from '../../src/log/merkle.ts'
import { fileMemory, type Memory } from '../../src/log/memory.ts'
import { currentHead, tileReader } from '../../src/log/open-log.ts'
import { openLogFiles, openLogStore, parseLogPlace } from '../../src/log/open-store.ts'
import { verifyInclusion } from '../../src/log/proof.ts'
import { inclusionProof } from '../../src/log/read-tree.ts'
import { verifyLog } from '../../src/log/verify-log.ts'
import { createLog, LogWriter } from '../../src/log/writer.ts'
import { parseNoteKey } from '../../src/sign/signed-note.ts'
import type { NoteSigner } from '../../src/sign/note-signer.ts'

const ports = testPorts()
const entries = (begin: number, count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => Buffer.from(`entry ${begin + i}`))

interface Log {
  place: string
  dir: string
  store: LogStore
  signer: NoteSigner
  memory: Memory
  writer: () => LogWriter
}

async function makeLog(kind: 'directory' | 'layout'): Promise<Log> {
  const dir = join(scratch('log'), 'log')
  const place = kind === 'directory' ? dir : `oci:${dir}:main`
  const store = openLogStore(place, ports)
  const signer = await noteSigner()
  const memory = fileMemory(join(scratch('memory'), 'last'))
  await createLog(store, signer, memory, { vkey: Buffer.from(signer.vkey) })
  return { place, dir, store, signer, memory, writer: () => new LogWriter(store, signer, memory, ports) }
}

const headOf = ({ place, signer }: Log) => currentHead(openLogFiles(place, ports), parseNoteKey(signer.vkey, 'log'))
const refusal = (code: string) => expect.objectContaining({ code }) as Error

describe.each(['directory', 'layout'] as const)('a log in a %s', (kind) => {
  test('takes entries over many writers, and proves each', async () => {
    const log = await makeLog(kind)
    expect(await headOf(log)).toMatchObject({ size: 0, origin: 'log.example.internal' })
    for (const [begin, count] of [
      [0, 1],
      [1, 254],
      [255, 2],
      [257, 300],
    ] as const) {
      const { places, head } = await log.writer().append(entries(begin, count))
      expect(places[0]).toEqual({ index: begin, state: 'added' })
      expect(head.size).toBe(begin + count)
    }
    const files = openLogFiles(log.place, ports)
    const head = await headOf(log)
    for (const index of [0, 255, 256, 556]) {
      const proof = await inclusionProof(index, head.size, tileReader(files))
      verifyInclusion(leafHash(Buffer.from(`entry ${index}`)), index, head, proof, 'log')
    }
    let seen = 0
    await verifyLog(files, head, (body, index) => {
      expect(body.toString()).toBe(`entry ${index}`)
      seen++
    })
    expect(seen).toBe(557)
  })

  test('gives an entry that it has its old index, also within one call, and publishes nothing for it', async () => {
    const log = await makeLog(kind)
    await log.writer().append(entries(0, 300))
    const before = await headOf(log)
    const again = await log.writer().append([...entries(7, 1), ...entries(299, 1)])
    expect(again.places).toEqual([
      { index: 7, state: 'present' },
      { index: 299, state: 'present' },
    ])
    expect((await headOf(log)).note).toEqual(before.note)
    const twice = await log.writer().append([...entries(300, 1), ...entries(300, 1)])
    expect(twice.places).toEqual([
      { index: 300, state: 'added' },
      { index: 300, state: 'present' },
    ])
  })

  test('is not made where one is', async () => {
    const log = await makeLog(kind)
    await expect(createLog(log.store, await noteSigner(), null, {})).rejects.toMatchObject({ code: 'exists' })
    const other = openLogStore(`${log.place}2`, ports)
    await expect(createLog(other, log.signer, log.memory, {})).rejects.toMatchObject({ code: 'exists' })
  })

  test('that was rolled back as a whole is not appended to', async () => {
    const log = await makeLog(kind)
    await log.writer().append(entries(0, 3))
    const copy = join(scratch('copy'), 'log')
    cpSync(log.dir, copy, { recursive: true })
    await log.writer().append(entries(3, 3))
    const living = log.writer()
    await living.append([])
    rmSync(log.dir, { recursive: true })
    cpSync(copy, log.dir, { recursive: true })
    await expect(log.writer().append(entries(9, 1))).rejects.toMatchObject({ code: 'rolled-back' })
    await expect(living.append(entries(9, 1))).rejects.toMatchObject({ code: 'rolled-back' })
    expect((await headOf(log)).size).toBe(3)
  })

  test('that another writer of the same key took another way is not appended to', async () => {
    const log = await makeLog(kind)
    await log.writer().append(entries(0, 3))
    const copy = join(scratch('copy'), 'log')
    cpSync(log.dir, copy, { recursive: true })
    await log.writer().append(entries(3, 2))
    const living = log.writer()
    await living.append([])
    // The thief of a key has the old log and no memory.
    const stolen = openLogStore(kind === 'directory' ? copy : `oci:${copy}:main`, ports)
    for (const count of [2, 5]) {
      await new LogWriter(stolen, log.signer, null, ports).append(entries(100, count))
      rmSync(log.dir, { recursive: true })
      cpSync(copy, log.dir, { recursive: true })
      await expect(log.writer().append(entries(9, 1))).rejects.toMatchObject({ code: 'log-broken' })
      await expect(living.append(entries(9, 1))).rejects.toMatchObject({ code: 'log-broken' })
    }
  })

  test('is read with its own key and origin only', async () => {
    const log = await makeLog(kind)
    const files = openLogFiles(log.place, ports)
    const strange = parseNoteKey((await noteSigner()).vkey, 'log')
    await expect(currentHead(files, strange)).rejects.toMatchObject({ code: 'signature-invalid' })
    await expect(currentHead(openLogFiles(`${log.place}2`, ports), strange)).rejects.toMatchObject({
      code: 'not-found',
    })
  })

  test('refuses an entry that is too long, and holds nothing of its call', async () => {
    const log = await makeLog(kind)
    await expect(log.writer().append([...entries(0, 1), Buffer.alloc(65_536)])).rejects.toMatchObject({
      code: 'input-invalid',
    })
    expect((await headOf(log)).size).toBe(0)
  })
})

test.each([
  ['tile/entries/000', 20, 'entry 2'],
  ['tile/0/001', 40, 'entry 257'],
  ['tile/0/002.p/88', 40, 'entry 513'],
  ['tile/1/000.p/2', 40, 'tile/1/000.p/2'],
  ['tile/entries/002.p/88', 20, 'entry 513'],
])('a changed byte of %s is found', async (path, at, what) => {
  const log = await makeLog('directory')
  await log.writer().append(entries(0, 600))
  const head = await headOf(log)
  const file = join(log.dir, path)
  const bytes = readFileSync(file)
  bytes[at] = (bytes[at] ?? 0) ^ 1
  writeFileSync(file, bytes)
  const refused = await verifyLog(openLogFiles(log.dir, ports), head).catch((error: unknown) => error)
  expect(refused).toMatchObject({ code: 'log-broken', message: expect.stringContaining(what) as string })
})

test.each(['tile/0/000', 'tile/0/002.p/88', 'tile/entries/002.p/88'])(
  'a writer does not append to a log whose %s was changed, shortened or taken away',
  async (path) => {
    const log = await makeLog('directory')
    await log.writer().append(entries(0, 600))
    const file = join(log.dir, path)
    const good = readFileSync(file)
    const bytes = Buffer.from(good)
    bytes[33] = (bytes[33] ?? 0) ^ 1
    const tries = [
      [() => writeFileSync(file, bytes), /log-broken|format-invalid/],
      [() => writeFileSync(file, good.subarray(1)), /format-invalid/],
      [() => rmSync(file), /missing-blob/],
    ] as const
    for (const [change, code] of tries) {
      change()
      await expect(log.writer().append(entries(900, 1))).rejects.toMatchObject({
        code: expect.stringMatching(code) as string,
      })
    }
    expect((await headOf(log)).size).toBe(600)
  },
)

test('a checkpoint that was signed, but not published before the process ended, is published by the next writer', async () => {
  const log = await makeLog('directory')
  await log.writer().append(entries(0, 3))
  const old = readFileSync(join(log.dir, 'checkpoint'))
  await log.writer().append(entries(3, 1))
  writeFileSync(join(log.dir, 'checkpoint'), old)
  const { places, head } = await log.writer().append(entries(4, 1))
  expect(places).toEqual([{ index: 4, state: 'added' }])
  expect(head.size).toBe(5)
  await verifyLog(openLogFiles(log.dir, ports), head)
})

test('tiles of a write that did not come to its checkpoint are written over', async () => {
  const log = await makeLog('directory')
  await log.writer().append(entries(0, 3))
  const old = readFileSync(join(log.dir, 'checkpoint'))
  await log.writer().append(entries(3, 1))
  writeFileSync(join(log.dir, 'checkpoint'), old)
  // The memory was not written either.
  await log.memory.remember(old)
  await log.writer().append([Buffer.from('another')])
  await verifyLog(openLogFiles(log.dir, ports), await headOf(log))
})

test('partial tiles go when the full one is there, and readers of older checkpoints take that', async () => {
  const log = await makeLog('directory')
  await log.writer().append(entries(0, 250))
  const before = await headOf(log)
  await log.writer().append(entries(250, 10))
  expect(existsSync(join(log.dir, 'tile/0/000.p'))).toBe(false)
  expect(existsSync(join(log.dir, 'tile/entries/000.p'))).toBe(false)
  await verifyLog(openLogFiles(log.dir, ports), before)
  expect(readdirSync(log.dir).filter((name) => name.startsWith('.'))).toEqual([])
})

test('publications of an OCI log share their full tiles, and its tag stays alone in the index', async () => {
  const log = await makeLog('layout')
  await log.writer().append(entries(0, 512))
  const blobs = () => readdirSync(join(log.dir, 'blobs/sha256')).length
  const before = blobs()
  await log.writer().append(entries(512, 1))
  // Two partial tiles of level 0 and entries; checkpoint and manifest. Level 1 is as it was.
  expect(blobs() - before).toBe(4)
  const index = JSON.parse(readFileSync(join(log.dir, 'index.json'), 'utf8')) as { manifests: unknown[] }
  expect(index.manifests).toHaveLength(1)
})

test('two writers of one OCI layout lose nothing: the slower one starts again', async () => {
  const log = await makeLog('layout')
  const [one, other] = [
    new LogWriter(openLogStore(log.place, ports), log.signer, null, ports),
    new LogWriter(openLogStore(log.place, ports), log.signer, null, ports),
  ]
  await Promise.all(
    [one, other].map(async (writer, i) => {
      for (let n = 0; n < 5; n++) await writer.append(entries(i * 100 + n, 1))
    }),
  )
  const found = new Set<string>()
  await verifyLog(openLogFiles(log.place, ports), await headOf(log), (body) => found.add(body.toString()))
  expect(found.size).toBe(10)
})

test('places are told apart by their form', () => {
  expect(parseLogPlace('https://log.example/', '/w')).toEqual({ kind: 'http', url: 'https://log.example/' })
  expect(parseLogPlace('log', '/w')).toEqual({ kind: 'directory', directory: '/w/log' })
  expect(parseLogPlace('./a/b', '/w')).toEqual({ kind: 'directory', directory: '/w/a/b' })
  expect(parseLogPlace('oci:log', '/w')).toEqual({ kind: 'oci', text: 'oci:log' })
  expect(parseLogPlace('registry.example/log', '/w')).toEqual({ kind: 'oci', text: 'registry.example/log' })
  expect(() => openLogFiles('http://log.example/', ports)).toThrow(refusal('input-invalid'))
  expect(() => openLogStore('https://log.example/', ports)).toThrow(refusal('unsupported'))
  expect(() => openLogFiles(`registry.example/log@sha256:${'0'.repeat(64)}`, ports)).toThrow(
    refusal('reference-invalid'),
  )
})
