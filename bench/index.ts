/**
 * `npm run bench`: the chain on a Debian image of about 800 MB to a registry on loopback, beside the tools that it replaces, in one run:
 * syft + `skopeo copy --encryption-key` + `cosign sign` + 3 × `cosign attest`. Prints medians and ratios; asserts nothing.
 */
import { execFileSync, spawn } from 'node:child_process'
import { generateKeyPairSync } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync, statSync, readdirSync, writeFileSync } from 'node:fs'
import { cpus, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { debianImage } from './image.ts'
import { measure, median, type Measurement } from './measure.ts'

const root = resolve(import.meta.dirname, '..')
const runs = Number(process.env['BENCH_RUNS'] ?? 3)
const peers = join(root, '.peers/bin')
const program = join(root, 'dist/cli/index.js')
const work = mkdtempSync(join(tmpdir(), 'sealwright-bench-'))

const layout = debianImage(join(root, 'build/bench'))
const { publicKey, privateKey } = generateKeyPairSync('rsa', { modulusLength: 3072 })
const recipient = join(work, 'recipient.pem')
writeFileSync(recipient, publicKey.export({ type: 'spki', format: 'pem' }))
const signing = generateKeyPairSync('ec', { namedCurve: 'P-256' })
const key = join(work, 'key.pem')
writeFileSync(key, signing.privateKey.export({ type: 'pkcs8', format: 'pem' }), { mode: 0o600 })
void privateKey

const registry = spawn(join(peers, 'oci-registry'), ['-addr', '127.0.0.1:5999'], { stdio: 'ignore' })
await new Promise((done) => setTimeout(done, 1000))
const host = '127.0.0.1:5999'

async function ours(run: number): Promise<Measurement[]> {
  const state = ['--state', join(work, `state${run}`)]
  const image = `oci:${layout}:latest`
  const output = `${host}/ours/app:r${run}`
  const node = (args: string[]): Promise<Measurement> => measure(process.execPath, [program, ...args, ...state])
  return [
    await node(['sbom', '--image', image, '--directory', join(work, `sbom${run}`)]),
    await node(['encrypt', '--image', image, '--recipients', `jwe:${recipient}`, '--output', output]),
    await node(['sign-attest', '--signer', 'key', '--key', key, '--output', output]),
  ]
}

async function theirs(run: number): Promise<Measurement[]> {
  const target = `${host}/theirs/app:r${run}`
  const sbom = join(work, `syft${run}.json`)
  const env = { COSIGN_PASSWORD: '' }
  const cosign = join(peers, 'cosign2')
  if (run === 0) execFileSync(cosign, ['import-key-pair', '--key', key, '--output-key-prefix', join(work, 'cosign')], { env: { ...process.env, ...env } })
  const attest = (type: string): Promise<Measurement> =>
    measure(cosign, ['attest', '--yes', '--tlog-upload=false', '--key', join(work, 'cosign.key'), '--type', type, '--predicate', sbom, '--allow-insecure-registry', target], env)
  return [
    await measure(join(peers, 'syft'), ['scan', `oci-dir:${layout}`, '-o', `spdx-json=${sbom}`, '-q']),
    await measure('skopeo', ['copy', '-q', '--encryption-key', `jwe:${recipient}`, '--dest-tls-verify=false', `oci:${layout}:latest`, `docker://${target}`]),
    await measure(cosign, ['sign', '--yes', '--tlog-upload=false', '--key', join(work, 'cosign.key'), '--allow-insecure-registry', target], env),
    await attest('spdxjson'),
    await attest('custom'),
    await attest('https://example.com/other'),
  ]
}

const names = { ours: ['sbom', 'encrypt', 'sign-attest'], theirs: ['syft', 'skopeo encrypt', 'cosign sign', 'attest 1', 'attest 2', 'attest 3'] }
try {
  console.log(`image ${(layerBytes() / 1e6).toFixed(0)} MB compressed, ${cpus().length} cores, Node ${process.version}, n = ${runs}, medians`)
  const results = { ours: [] as Measurement[][], theirs: [] as Measurement[][] }
  for (let run = 0; run < runs; run += 1) {
    results.theirs.push(await theirs(run))
    results.ours.push(await ours(run))
  }
  const total: Record<string, number> = {}
  const peak: Record<string, number> = {}
  for (const side of ['theirs', 'ours'] as const) {
    for (const [i, name] of names[side].entries()) {
      const column = results[side].map((row) => row[i] as Measurement)
      console.log(`  ${side.padEnd(7)}${name.padEnd(16)}${median(column.map((m) => m.seconds)).toFixed(2).padStart(7)} s ${median(column.map((m) => m.mib)).toFixed(0).padStart(5)} MiB`)
    }
    total[side] = median(results[side].map((row) => row.reduce((sum, m) => sum + m.seconds, 0)))
    peak[side] = median(results[side].map((row) => Math.max(...row.map((m) => m.mib))))
  }
  const { ours: mine = 0, theirs: other = 0 } = total
  console.log(`whole chain: ours ${mine.toFixed(2)} s, tools ${other.toFixed(2)} s: ${(other / mine).toFixed(1)} × faster`)
  console.log(`memory: ours ${peak['ours']?.toFixed(0)} MiB, tools ${peak['theirs']?.toFixed(0)} MiB: ${((peak['ours'] ?? 0) / (peak['theirs'] ?? 1)).toFixed(2)} of theirs`)
  await startTimes()
} finally {
  registry.kill()
  rmSync(work, { recursive: true, force: true })
}

/** Time from process start to the first line of an action's help, and the size of dist/. */
async function startTimes(): Promise<void> {
  const bare = median((await repeat(() => measure(process.execPath, ['-e', '0']))).map((m) => m.seconds))
  console.log(`start: bare node ${(bare * 1000).toFixed(0)} ms`)
  for (const action of ['setup-cvm-runner', 'build-reproducible', 'sbom', 'encrypt', 'sign-attest', 'kbs-publish', 'verify-deploy']) {
    const seconds = median((await repeat(() => measure(process.execPath, [program, action, '--help']))).map((m) => m.seconds))
    console.log(`  ${action.padEnd(20)} ${(seconds * 1000).toFixed(0)} ms`)
  }
  console.log(`dist/ ${(folderBytes(join(root, 'dist')) / 1e6).toFixed(2)} MB`)
}

async function repeat<T>(act: () => Promise<T>): Promise<T[]> {
  const all: T[] = []
  for (let i = 0; i < 7; i += 1) all.push(await act())
  return all
}

function layerBytes(): number {
  return folderBytes(join(layout, 'blobs'))
}

function folderBytes(folder: string): number {
  mkdirSync(folder, { recursive: true })
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile())
    .reduce((sum, entry) => sum + statSync(join(entry.parentPath, entry.name)).size, 0)
}
