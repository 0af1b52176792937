import { createHash, randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { InternalError } from '../../src/base/errors.ts'
import { inventoryBytes } from '../../src/image/inventory.ts'
import { passImage } from '../../src/image/pass.ts'
import type { PassOptions } from '../../src/image/layer-stream.ts'
import type { PassReader } from '../../src/image/types.ts'
import type { ByteSource } from '../../src/base/streams.ts'
import { scratch } from '../../testkit/ports.ts'
import { makeImage, tar, type Short } from './make-image.ts'

const program = join(import.meta.dirname, '../../testkit/threads-entry.ts')
const inThreads: PassOptions = { threads: program, worth: { image: 0, layer: 0 } }

/** Files of all sizes around a ring's pieces, long names, and a pax header that lies in several pieces. */
function layer(seed: number): Short[] {
  const sizes = [0, 1, 511, 512, 513, 70_000, 524_288, 524_287, 1_200_000, 3_000_000]
  const entries: Short[] = sizes.map((size, i) => ({
    path: `d${seed}/${'n'.repeat(i * 20 + 1)}`,
    text: Buffer.alloc(size, `${seed} ${i} `),
  }))
  for (let i = 0; i < 300; i++) entries.push({ path: `s${seed}/${i}`, text: `${seed} ${i}` })
  entries.splice(4, 0, { path: 'x', text: 'x', xattrs: { 'user.a': 'v'.repeat(900_000), 'user.b': `${seed}` } })
  return entries
}

/** What readers of all kinds get, with the digests that they ask for and what is taken back. */
async function everything(options: PassOptions, made: Awaited<ReturnType<typeof makeImage>>): Promise<unknown> {
  const got = new Map<string, string>()
  const sums = new Map<string, string>()
  const reader = (algorithm: 'md5' | 'sha1', share: number): PassReader => ({
    wants: ({ size }) => Math.min(size, share),
    file: ({ path }, content) => void got.set(`${algorithm} ${path}`, content.toString('hex')),
    digest: ({ path }) => (path.length % 3 === 0 ? null : algorithm),
    hashed: ({ path }, digest) => void sums.set(`${algorithm} ${path}`, digest.toString('hex')),
    forget: (path) => {
      got.delete(`${algorithm} ${path}`)
      sums.delete(`${algorithm} ${path}`)
    },
  })
  const readers = [reader('md5', 4_000_000), reader('sha1', 1000)]
  const { inventory, layers } = await passImage(made.store, made.image, readers, options)
  return { inventory: inventoryBytes(inventory).toString(), layers, got: sorted(got), sums: sorted(sums) }
}

function sorted(map: ReadonlyMap<string, string>): [string, string][] {
  return [...map].sort(([a], [b]) => (a < b ? -1 : 1))
}

test.each(['gzip', 'zstd', 'none'] as const)('threads change nothing: %s', async (compression) => {
  const made = await makeImage([layer(1), layer(2), [{ path: 'small', text: 'a' }], layer(3)], { compression })
  expect(await everything(inThreads, made)).toEqual(await everything({}, made))
})

test('digests that come late are those of the file that stays', async () => {
  const entries: Short[] = []
  for (let i = 0; i < 40; i++) {
    // Replaced by a file, by a link and by a folder while its digest is still on the way, and last by nothing.
    for (const [kind, later] of ['text', 'link', 'folder', 'none'].entries()) {
      const path = `${later}/${'x'.repeat(kind)}${i}`
      entries.push({ path, text: `old ${i} ${later}` })
      if (later === 'text') entries.push({ path, text: `new ${i}` })
      if (later === 'link') entries.push({ path, link: 'somewhere' })
      if (later === 'folder') entries.push({ path: `${path}/` }, { path: `${path}/in`, text: `in ${i}` })
    }
  }
  const made = await makeImage([entries])
  const found = await everything(inThreads, made)
  expect(found).toEqual(await everything({}, made))
  const has = (text: string): boolean => JSON.stringify(found).includes(createHash('md5').update(text).digest('hex'))
  expect([has('new 17'), has('old 17 text'), has('old 17 link'), has('in 17')]).toEqual([true, false, false, true])
})

test('many empty and tiny files in one piece', async () => {
  const entries: Short[] = []
  for (let i = 0; i < 3000; i++) entries.push({ path: `${i}`, text: i % 2 === 0 ? '' : 'x' })
  const made = await makeImage([entries])
  expect(await everything(inThreads, made)).toEqual(await everything({}, made))
})

test('an image below the limits is read without threads', async () => {
  const made = await makeImage([layer(1)])
  const missing = join(scratch('threads'), 'missing.ts')
  await expect(passImage(made.store, made.image, [], { threads: missing })).resolves.toBeDefined()
})

test('where no thread can be started, the layers are read without', async () => {
  const made = await makeImage([layer(1), layer(2)])
  const missing = join(scratch('threads'), 'missing.ts')
  const { inventory } = await passImage(made.store, made.image, [], { ...inThreads, threads: missing })
  expect([...inventory]).toEqual([...(await passImage(made.store, made.image, [])).inventory])
})

let oneLayer: ReturnType<typeof makeImage> | undefined
/** An image whose one layer is opened as these bytes. */
async function failure(bytes: Buffer, options: PassOptions, broken: Error | null = null): Promise<unknown> {
  const made = await (oneLayer ??= makeImage([layer(1)]))
  async function* source(): AsyncGenerator<Uint8Array> {
    for (let at = 0; at < bytes.length; at += 10_000) yield bytes.subarray(at, at + 10_000)
    if (broken !== null) throw broken
  }
  const open = async (): Promise<ByteSource> => source()
  return passImage(made.store, made.image, [], { ...options, open }).then(
    () => 'nothing was refused',
    (error: unknown) => error,
  )
}

/** What a user sees of an error. */
function shown(error: unknown): Record<string, unknown> {
  if (typeof error !== 'object' || error === null) return { error }
  return Object.fromEntries(['message', 'code', 'subject', 'remedy'].map((name) => [name, Reflect.get(error, name)]))
}

describe('an error arrives as it is without threads', () => {
  const flip = (bytes: Buffer): Buffer => {
    bytes[bytes.length - 5] = 255 - (bytes.at(-5) ?? 0)
    return bytes
  }
  test.each<[string, (plain: Buffer) => Buffer, Error | null]>([
    ['damage', (plain) => flip(gzipSync(plain)), null],
    ['truncation', (plain) => gzipSync(plain).subarray(0, -3), null],
    ['another kind', (plain) => zstdCompressSync(plain), null],
    ['emptiness', () => Buffer.alloc(0), null],
    ['another diff id', (plain) => gzipSync(plain.subarray(0, -512)), null],
    ['a broken archive', (plain) => gzipSync(plain.fill('x', 100_000, 200_000)), null],
    ['a source that breaks', (plain) => gzipSync(plain), new RangeError('from below')],
    ['a source that breaks at once', () => Buffer.alloc(0), new RangeError('from below')],
  ])('%s', async (_what, make, broken) => {
    const bytes = make(await tar(layer(1)))
    const expected = await failure(bytes, {}, broken)
    const found = await failure(bytes, inThreads, broken)
    expect(shown(expected)).toEqual(expect.objectContaining({ message: expect.any(String) }))
    expect(shown(found)).toEqual(shown(expected))
  })
})

test('a bomb is stopped in the thread, too', async () => {
  const limits = { bytes: 1_000_000, ratio: 10, free: 100_000 }
  expect(await failure(gzipSync(Buffer.alloc(2_000_000)), { ...inThreads, limits })).toMatchObject({
    code: 'format-invalid',
    message: expect.stringContaining('at most 10 times'),
  })
})

test('a reader that fails ends the threads and lets the sources go', async () => {
  const made = await makeImage([layer(1), layer(2)])
  const state = { open: 0 }
  async function* watched(source: ByteSource): AsyncGenerator<Uint8Array> {
    state.open++
    try {
      yield* source
    } finally {
      state.open--
    }
  }
  const open: PassOptions['open'] = async (descriptor) => watched(await made.store.openBlob(descriptor))
  const reader: PassReader = {
    wants: () => {
      throw new RangeError('no more')
    },
  }
  await expect(passImage(made.store, made.image, [reader], { ...inThreads, open })).rejects.toThrow('no more')
  expect(state.open).toBe(0)
})

test.each([
  ['ends', 'process.exit(7)', /ended with code 7/],
  ['throws', 'throw new Error("lost")', /ended with code 1 .*: lost/],
])('a thread that %s is a defect, clearly told', async (_what, code, message) => {
  const broken = join(scratch('threads'), 'broken.mjs')
  writeFileSync(
    broken,
    `import { parentPort } from 'node:worker_threads'
     parentPort.on('message', () => { ${code} })
     parentPort.postMessage('ready')`,
  )
  const made = await makeImage([[{ path: 'a', text: randomBytes(3_000_000) }]])
  const error = await passImage(made.store, made.image, [], { ...inThreads, threads: broken }).catch((e: unknown) => e)
  expect(error).toBeInstanceOf(InternalError)
  expect(error).toMatchObject({ code: 'internal', message: expect.stringMatching(message) })
})

test('what a layer unpacks to does not depend on how its source was cut', async () => {
  const plain = await tar(layer(1))
  const made = await makeImage([layer(1)])
  for (const size of [997, 262_144, 5_000_000]) {
    async function* source(): AsyncGenerator<Uint8Array> {
      const bytes = gzipSync(plain)
      for (let at = 0; at < bytes.length; at += size) yield bytes.subarray(at, at + size)
    }
    const open = async (): Promise<ByteSource> => source()
    const { layers } = await passImage(made.store, made.image, [], { ...inThreads, open })
    expect(layers[0]?.size).toBe(plain.length)
  }
})
