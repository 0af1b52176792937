/**
 * `npm run bench -- encrypt`: one layer of 88 MB and of 1 GB, from layout to layout, encrypted for one RSA key and decrypted again, by ours and by each
 * skopeo that is there, in turn. Prints medians of wall and processor time, peak memory, and ratios; and the floor: SHA-256, AES-CTR, HMAC and SHA-256 of the
 * same bytes in one thread, which no implementation of the format can do without. Asserts nothing, but a command that fails ends the run.
 *
 * Environment: `BENCH_RUNS` (3), `BENCH_SIZES` (88,1000; in MB), `BENCH_SOURCES=1` to run from `src/`.
 */
import { execFileSync } from 'node:child_process'
import { createCipheriv, createHash, createHmac, randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { manifestBytes } from '../src/oci/manifest.ts'
import { openLayout } from '../src/oci/layout.ts'
import { mediaTypes } from '../src/oci/types.ts'
import { testPorts } from '../testkit/ports.ts'
import { measure, median, type Measurement } from './measure.ts'

const root = resolve(import.meta.dirname, '..')
const runs = Number(process.env['BENCH_RUNS'] ?? 3)
const sizes = (process.env['BENCH_SIZES'] ?? '88,1000').split(',').map(Number)
const program = join(root, process.env['BENCH_SOURCES'] === '1' ? 'bench/from-sources.ts' : 'dist/cli/index.js')
const work = mkdtempSync(join(tmpdir(), 'sealwright-bench-'))
const copy = ['--insecure-policy', 'copy', '-q']

interface Tool {
  name: string
  command: string
  encrypt: string[]
  decrypt: string[]
}
const skopeo = (name: string, command: string): Tool => ({
  name,
  command,
  encrypt: [...copy, '--encryption-key', 'jwe:rsa.pub', 'oci:plain:x', 'oci:sealed:x'],
  decrypt: [...copy, '--decryption-key', 'rsa.pem', 'oci:sealed:x', 'oci:opened:x'],
})
const tools: Tool[] = [
  {
    name: 'sealwright',
    command: process.execPath,
    encrypt: [
      program,
      'encrypt',
      '--image',
      'oci:plain:x',
      '--recipients',
      'jwe:rsa.pub',
      '--output',
      'oci:sealed:x',
      '--state',
      'state',
    ],
    decrypt: [program, 'decrypt', 'oci:sealed:x', '--output', 'oci:opened:x', '--decryption-key', 'rsa.pem'],
  },
  skopeo('skopeo', '/usr/bin/skopeo'),
  skopeo('skopeo-new', join(root, '.peers/bin/skopeo-new')),
].filter(({ command }) => existsSync(command))

async function plainImage(megabytes: number): Promise<void> {
  rmSync(join(work, 'plain'), { recursive: true, force: true })
  const store = openLayout(join(work, 'plain'), 'localhost/bench', testPorts())
  const hash = createHash('sha256')
  // skopeo looks at the first bytes of a layer only.
  async function* bytes(): AsyncGenerator<Buffer> {
    for (let i = 0; i < megabytes; i++) {
      const piece = randomBytes(1_000_000)
      hash.update(piece)
      yield piece
    }
  }
  const layer = { mediaType: mediaTypes.layerTar, ...(await store.putBlob({ stream: bytes() })) }
  const text = { architecture: 'amd64', os: 'linux', config: {}, rootfs: { type: 'layers', diff_ids: [layer.digest] } }
  const config = {
    mediaType: mediaTypes.config,
    ...(await store.putBlob({ bytes: Buffer.from(JSON.stringify(text)) })),
  }
  const manifest = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] })
  await store.putManifest(manifest, mediaTypes.manifest, { tag: 'x' })
}

/** Processor seconds of the four passes over so many MB. */
function floor(megabytes: number): number {
  const piece = randomBytes(64 << 10)
  const key = randomBytes(32)
  const [plain, mac, cipher, secret] = [
    createHash('sha256'),
    createHmac('sha256', key),
    createCipheriv('aes-256-ctr', key, randomBytes(16)),
    createHash('sha256'),
  ]
  const before = process.cpuUsage()
  for (let done = 0; done < megabytes * 1e6; done += piece.length) {
    plain.update(piece)
    const out = cipher.update(piece)
    mac.update(out)
    secret.update(out)
  }
  const { user, system } = process.cpuUsage(before)
  return (user + system) / 1e6
}

const row = (name: string, of: readonly Measurement[]): { seconds: number; cpu: number } => {
  const [seconds, cpu, mib] = [
    median(of.map((m) => m.seconds)),
    median(of.map((m) => m.cpu)),
    median(of.map((m) => m.mib)),
  ]
  console.log(
    `    ${name.padEnd(12)}${seconds.toFixed(2).padStart(7)} s ${cpu.toFixed(2).padStart(7)} s cpu ${mib.toFixed(0).padStart(5)} MiB`,
  )
  return { seconds, cpu }
}

try {
  execFileSync('openssl', ['genrsa', '-out', 'rsa.pem', '2048'], { cwd: work, stdio: 'pipe' })
  execFileSync('openssl', ['rsa', '-in', 'rsa.pem', '-pubout', '-out', 'rsa.pub'], { cwd: work, stdio: 'pipe' })
  console.log(
    `${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}, ${program.endsWith('.ts') ? 'sources' : 'dist/'}, n = ${runs}, medians`,
  )
  for (const { name, command } of tools.slice(1))
    console.log(`  ${name}: ${execFileSync(command, ['--version'], { encoding: 'utf8' }).trim()}`)
  for (const size of sizes) {
    await plainImage(size)
    const results = new Map(
      tools.map(({ name }) => [name, { encrypt: [] as Measurement[], decrypt: [] as Measurement[] }]),
    )
    for (let run = 0; run < runs; run++) {
      for (const { name, command, encrypt, decrypt } of tools) {
        for (const folder of ['sealed', 'opened', 'state']) rmSync(join(work, folder), { recursive: true, force: true })
        results.get(name)?.encrypt.push(await measure(command, encrypt, {}, work))
        results.get(name)?.decrypt.push(await measure(command, decrypt, {}, work))
      }
    }
    console.log(`${size} MB; the floor is ${floor(size).toFixed(2)} s of processor time to encrypt`)
    for (const step of ['encrypt', 'decrypt'] as const) {
      console.log(`  ${step}`)
      const rows = tools.map(({ name }) => ({ name, ...row(name, results.get(name)?.[step] ?? []) }))
      const [ours, ...others] = rows
      for (const { name, seconds, cpu } of others)
        console.log(
          `    beside ${name}: ${(seconds / (ours?.seconds ?? 1)).toFixed(2)} × faster, ${(cpu / (ours?.cpu ?? 1)).toFixed(2)} × per processor second`,
        )
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
