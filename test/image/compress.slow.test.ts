import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { inventoryBytes } from '../../src/image/inventory.ts'
import { loadImage } from '../../src/image/load.ts'
import { passImage } from '../../src/image/pass.ts'
import { decompress } from '../../src/image/compress.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { mediaTypes } from '../../src/oci/types.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { Random } from '../../testkit/random.ts'
import { bytesOf, makeImage, once, tar, type Short } from './make-image.ts'

const random = new Random(20, 'compress.slow')
const noise = (size: number): Buffer => Buffer.from(Array.from({ length: size }, () => random.below(256)))
const run = (program: string, args: readonly string[], input?: Buffer): Buffer =>
  execFileSync(peer(program), args, { stdio: 'pipe', maxBuffer: 1 << 28, ...(input === undefined ? {} : { input }) })

/** Files of which zstd:chunked makes a frame each, some in several. */
const entries: Short[] = [
  ...Array.from({ length: 150 }, (_, i) => ({ path: `small/${i}`, text: noise(100 + i * 7) })),
  { path: 'large', text: Buffer.concat([noise(400_000), Buffer.alloc(600_000, 'text ')]) },
  { path: 'empty', text: '' },
]

async function inventoryOf(directory: string): Promise<string> {
  const store = openLayout(directory, 'localhost/test', testPorts())
  const descriptor = await store.resolve({ tag: 'latest' })
  if (descriptor === null) throw new Error('there is no image')
  return inventoryBytes((await passImage(store, await loadImage(store, descriptor.digest), [])).inventory).toString()
}

withPeers(['skopeo'], 'what skopeo recompresses as gzip, zstd and zstd:chunked has the same inventory', async () => {
  const made = await makeImage([entries])
  const expected = await inventoryOf(made.directory)
  for (const format of ['gzip', 'zstd', 'zstd:chunked']) {
    const target = join(scratch('compress'), 'layout')
    const how = ['--dest-compress', '--dest-compress-format', format]
    // Compressed layers are taken as they are: they go through a folder that holds them decompressed.
    const plain = scratch('compress')
    run('skopeo', ['copy', '-q', '--dest-decompress', `oci:${made.directory}:latest`, `dir:${plain}`])
    run('skopeo', ['copy', '-q', ...how, `dir:${plain}`, `oci:${target}:latest`])
    expect(await inventoryOf(target)).toBe(expected)
  }
})

withPeers(['skopeo'], 'zstd:chunked of an archive with a filled record: skopeo leaves the fill out', async () => {
  const bare = await tar([{ path: 'app/a', text: noise(3000) }])
  // Small: of a larger one skopeo 1.9.3 says "short write", since it reads nothing behind the end mark.
  const made = await makeImage([Buffer.concat([bare, Buffer.alloc(10_240 - bare.length)])])
  const target = join(scratch('compress'), 'layout')
  const how = ['--dest-compress', '--dest-compress-format', 'zstd:chunked']
  run('skopeo', ['copy', '-q', ...how, `oci:${made.directory}:latest`, `oci:${target}:latest`])
  const store = openLayout(target, 'localhost/test', testPorts())
  const descriptor = await store.resolve({ tag: 'latest' })
  const image = await loadImage(store, descriptor?.digest ?? 'sha256:')
  const { layers } = await passImage(store, image, [])
  expect(layers[0]?.descriptor.mediaType).toBe(mediaTypes.layerZstd)
  // A later skopeo may write the fill.
  expect([undefined, 10_240 - bare.length]).toContain(layers[0]?.omitted)
  expect(await inventoryOf(target)).toBe(await inventoryOf(made.directory))
})

withPeers(['zstd'], 'zstd(1): levels, threads, checksums, long windows, frames in a row', async () => {
  const plain = await tar(entries)
  const cases = [
    ['-1'],
    ['-19'],
    ['-T2', '-B65536'],
    ['--no-check'],
    ['--no-content-size'],
    ['--long=27'],
    ['--format=zstd', '-3'],
  ]
  for (const args of cases) {
    const packed = run('zstd', ['-q', '-c', ...args], plain)
    expect((await bytesOf(decompress(mediaTypes.layerZstd, once(packed)))).equals(plain)).toBe(true)
  }
  const parts = [plain.subarray(0, 70_000), plain.subarray(70_000, 70_001), Buffer.alloc(0), plain.subarray(70_001)]
  const frames = Buffer.concat(parts.map((part) => run('zstd', ['-q', '-c'], part)))
  expect((await bytesOf(decompress(mediaTypes.layerZstd, once(frames)))).equals(plain)).toBe(true)
  expect(run('zstd', ['-q', '-d', '-c'], frames).equals(plain)).toBe(true)
})

withPeers(['zstd'], 'zstd(1) refuses the same: trailing bytes, cut frames, windows above 128 MiB', async () => {
  const frame = run('zstd', ['-q', '-c'], noise(10_000))
  const large = run(
    'zstd',
    ['-q', '-c', '--ultra', '--long=28'],
    Buffer.concat([noise(100), Buffer.alloc(300_000_000)]),
  )
  for (const bytes of [Buffer.concat([frame, Buffer.from('tail')]), frame.subarray(0, -1), large]) {
    expect(() => run('zstd', ['-q', '-d', '-c'], bytes)).toThrow()
    await expect(bytesOf(decompress(mediaTypes.layerZstd, once(bytes)))).rejects.toMatchObject({
      code: 'format-invalid',
    })
  }
})

/** Reads a gzip stream as containerd and Docker do. */
const goProgram = `package main
import ("compress/gzip"; "io"; "os")
func main() {
	r, err := gzip.NewReader(os.Stdin)
	if err == nil { _, err = io.Copy(os.Stdout, r) }
	if err != nil { os.Stderr.WriteString(err.Error()); os.Exit(1) }
}
`
withPeers(['go'], "gzip: Go's reader and ours agree, on good and on bad streams", async () => {
  const folder = scratch('gzip-go')
  mkdirSync(folder, { recursive: true })
  writeFileSync(join(folder, 'main.go'), goProgram)
  const reader = join(folder, 'reader')
  execFileSync(peer('go'), ['build', '-o', reader, join(folder, 'main.go')], { stdio: 'pipe' })
  const one = gzipSync(noise(3000))
  const empty = gzipSync(Buffer.alloc(0))
  const streams = [
    ...[one, Buffer.concat([one, one]), Buffer.concat([empty, one, empty]), Buffer.concat([one, Buffer.alloc(512)])],
    ...[
      Buffer.concat([one, Buffer.from('x')]),
      one.subarray(0, -1),
      one.subarray(0, 5),
      Buffer.concat([one, Buffer.alloc(1)]),
    ],
    ...Array.from({ length: 200 }, () => {
      const bytes = Buffer.concat([one, empty])
      // A header's time, flags of the compressor and system say nothing: both readers ignore them.
      const at = random.below(bytes.length)
      bytes[at] = (bytes[at] ?? 0) ^ (1 << random.below(8))
      return bytes
    }),
  ]
  for (const stream of streams) {
    let theirs: Buffer | null = null
    try {
      theirs = execFileSync(reader, [], { input: stream, stdio: 'pipe', maxBuffer: 1 << 26 })
    } catch {
      // Refused.
    }
    const ours = await bytesOf(decompress(mediaTypes.layerGzip, once(stream))).catch(() => null)
    // We may refuse more, as zlib does; what we take, they take as the same bytes.
    if (ours !== null) expect(theirs?.equals(ours)).toBe(true)
  }
})
