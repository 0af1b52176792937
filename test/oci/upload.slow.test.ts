import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { digestLike, sha256 } from '../../src/base/streams.ts'
import type { BlobSource, Digest } from '../../src/oci/types.ts'
import { scratch } from '../../testkit/ports.ts'
import { codeOf, hastyPorts, storeOf } from './helpers.ts'
import { startUploads, type UploadFaults } from './upload-server.ts'

const mebibyte = 1 << 20
const large = randomBytes(10 * mebibyte)
const digest = sha256(large) as Digest
const known = { digest, size: large.length }
const path = join(scratch('upload'), 'large')
writeFileSync(path, large)

async function* cut(): AsyncGenerator<Uint8Array> {
  for (let at = 0; at < large.length; at += 300_000) yield large.subarray(at, at + 300_000)
}

const sources: [string, () => BlobSource][] = [
  ['bytes', () => ({ bytes: large })],
  ['a file', () => ({ path, ...known })],
  ['a stream that can be opened again', () => ({ stream: cut(), reopen: cut, expect: known })],
]

/** Code of the error, what was stored, and the requests. */
async function put(
  faults: UploadFaults,
  source: BlobSource,
): Promise<{ code: unknown; stored: boolean; asked: string[]; slept: number[] }> {
  const server = await startUploads(faults)
  const ports = hastyPorts()
  try {
    const code = await codeOf(storeOf(`${server.host}/a`, ports).putBlob(source))
    const stored = server.blobs.get(digest)
    return { code, stored: stored !== undefined && stored.equals(large), asked: server.asked, slept: ports.slept }
  } finally {
    await server.close()
  }
}

describe.each(sources)('an upload of %s', (_name, source) => {
  test('is one PUT where nothing breaks', async () => {
    const { code, stored, asked } = await put({}, source())
    expect([code, stored]).toEqual(['none', true])
    expect(asked).toEqual(['HEAD', 'POST', 'PUT'])
  })

  test.each<[string, UploadFaults]>([
    ['is reset once', { breaks: { after: 5 * mebibyte, times: 1 } }],
    ['is reset again and again', { breaks: { after: 3 * mebibyte, times: 4 } }],
    ['is reset and loses its tail', { breaks: { after: 5 * mebibyte, times: 2 }, keeps: 2 * mebibyte + 7 }],
    ['meets a proxy that takes 9 MiB', { largest: 9 * mebibyte }],
    ['meets a proxy that takes 1 MiB', { largest: mebibyte }],
    ['loses its session', { forgets: { at: 6 * mebibyte, times: 2 } }],
    ['meets a registry that takes half a chunk', { largest: 9 * mebibyte, takes: 4 * mebibyte }],
    ['meets a registry that says too little', { largest: 9 * mebibyte, lies: (end) => end - mebibyte }],
    ['meets a registry that says too much', { largest: 9 * mebibyte, lies: (end) => end + mebibyte }],
    ['meets a registry that says no Range', { largest: 9 * mebibyte, silent: true }],
    ['meets a registry that wants large chunks', { breaks: { after: mebibyte, times: 1 }, leastChunk: 9 * mebibyte }],
    ['loses its last answer', { losesAnswer: 1 }],
    [
      'meets a registry that appends what comes twice',
      { breaks: { after: mebibyte, times: 1 }, silent: true, appends: true },
    ],
  ])('that %s comes to its end', async (_fault, faults) => {
    const { code, stored } = await put(faults, source())
    expect([code, stored]).toEqual(['none', true])
  })

  test.each<[string, UploadFaults, string]>([
    ['is reset for ever', { breaks: { after: 4096, times: Infinity }, keeps: 0 }, 'unreachable'],
    ['loses every session', { forgets: { at: 1, times: Infinity } }, 'registry-error'],
    ['meets a proxy that takes nothing', { largest: 100 }, 'registry-error'],
    ['meets a registry that wants endless chunks', { largest: mebibyte, leastChunk: 2 ** 40 }, 'registry-error'],
  ])('that %s ends', async (_fault, faults, expected) => {
    const { code, stored, asked } = await put(faults, source())
    expect([code, stored]).toEqual([expected, false])
    expect(asked.length).toBeLessThan(60)
  })
})

test('an upload goes on where the registry has it, with what each chunk is', async () => {
  const { asked } = await put({ breaks: { after: mebibyte, times: 1 }, keeps: mebibyte }, { path, ...known })
  const [first, second] = [mebibyte, 9 * mebibyte]
  expect(asked).toEqual([
    'HEAD',
    'POST',
    'PUT',
    'GET',
    `PATCH ${first}-${second - 1}`,
    `PATCH ${second}-${large.length - 1}`,
    'PUT',
  ])
})

test('a stream that is read once ends with its connection', async () => {
  const { code, asked } = await put({ breaks: { after: mebibyte, times: 1 } }, { stream: cut(), expect: known })
  expect(code).toBe('unreachable')
  expect(asked.filter((one) => one.startsWith('PATCH'))).toEqual([])
})

test('a file that is not what it is said to be is refused, in one piece and in chunks', async () => {
  const other = { path, digest: sha256('x') as Digest, size: large.length }
  expect((await put({}, other)).code).toBe('digest-mismatch')
  expect((await put({ largest: 9 * mebibyte }, other)).code).toBe('digest-mismatch')
  expect((await put({}, { ...other, size: 7 })).code).toBe('digest-mismatch')
})

test('a source that ends early or fails says so, in chunks too', async () => {
  async function* short(): AsyncGenerator<Uint8Array> {
    yield large.subarray(0, mebibyte)
  }
  async function* fails(): AsyncGenerator<Uint8Array> {
    yield large.subarray(0, mebibyte)
    throw Object.assign(new Error('gone'), { code: 'EIO' })
  }
  const faults = { largest: 9 * mebibyte }
  expect((await put(faults, { stream: cut(), reopen: short, expect: known })).code).toBe('digest-mismatch')
  expect((await put(faults, { stream: cut(), reopen: fails, expect: known })).code).toBe('EIO')
})

test('a blob is stored under its SHA-512', async () => {
  const named = digestLike('sha512:', large)
  const server = await startUploads({ largest: 9 * mebibyte })
  try {
    const store = storeOf(`${server.host}/a`, hastyPorts())
    await store.putBlob({ stream: cut(), reopen: cut, expect: { digest: named, size: large.length } })
    expect(server.blobs.get(named)?.equals(large)).toBe(true)
  } finally {
    await server.close()
  }
})
