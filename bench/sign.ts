/**
 * `npm run bench -- sign`: one `sign-attest` with a signature and four statements beside five calls of cosign, then one `verify bundle` and one
 * `verify-deploy` beside the five calls that each replaces, for cosign 2 (tags) and cosign 3 (bundles). A small image in a registry in memory on loopback; a proxy counts the
 * requests. Prints medians and ratios; asserts nothing, but a command that fails ends the run.
 *
 * The gate does more than cosign in the same time: it reads the image's layers and compares them with inventory and SBOM.
 *
 * Environment: `BENCH_RUNS` (10), `BENCH_SOURCES=1` to run from `src/` instead of `dist/`.
 */
import { execFile } from 'node:child_process'
import { copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { openStore } from '../src/oci/open.ts'
import { parseReference } from '../src/oci/reference.ts'
import { testPorts } from '../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../testkit/small-image.ts'
import { countRequests, type Counter } from './count-requests.ts'
import { makeKeys, type Keys } from './keys.ts'
import { measure, median, type Measurement } from './measure.ts'
import { startRegistry } from '../testkit/registry.ts'

const root = resolve(import.meta.dirname, '..')
const peers = join(root, '.peers/bin')
const runs = Number(process.env['BENCH_RUNS'] ?? 10)
const program = join(root, process.env['BENCH_SOURCES'] === '1' ? 'bench/from-sources.ts' : 'dist/cli/index.js')

/** Statements beside the signature: ours, cosign's type, and the output of `sbom` with the document. An inventory's predicate names its file: any small JSON. */
const documents = [
  ['spdx', 'spdxjson', 'sbom-spdx-path'],
  ['cyclonedx', 'cyclonedx', 'sbom-cyclonedx-path'],
  ['spdx3', 'https://spdx.dev/Document/v3', 'sbom-spdx3-path'],
  ['inventory', 'https://example.com/inventory', 'report-path'],
] as const

const noServices =
  '{"mediaType":"application/vnd.dev.sigstore.signingconfig.v0.2+json","rekorTlogConfig":{},"tsaConfig":{}}'

interface Call {
  command: string
  args: string[]
}

/** One kind of reader: the consumers that we write for it, and how its cosign is called. */
interface Reader {
  name: 'cosign2' | 'cosign3'
  consumers: string
  /** Options of `sign` and `attest`. */
  write: readonly string[]
  /** Options of `verify` and `verify-attestation`. */
  read: readonly string[]
}

const readers: readonly Reader[] = [
  { name: 'cosign2', consumers: 'cosign2', write: ['--tlog-upload=false'], read: ['--insecure-ignore-tlog'] },
  {
    name: 'cosign3',
    consumers: 'cosign3',
    write: ['--signing-config', 'config.json'],
    read: ['--insecure-ignore-tlog'],
  },
]

interface Total extends Measurement {
  requests: number
}

class Run {
  readonly folder: string
  readonly counter: Counter
  readonly keys: Keys

  constructor(folder: string, counter: Counter, keys: Keys) {
    this.folder = folder
    this.counter = counter
    this.keys = keys
  }

  /** Runs the calls one after another, and adds up what they took. */
  async total(calls: readonly Call[]): Promise<Total> {
    const total: Total = { seconds: 0, cpu: 0, mib: 0, requests: 0 }
    this.counter.take()
    for (const { command, args } of calls) {
      const one = await measure(command, args, { COSIGN_PASSWORD: this.keys.password }, this.folder)
      total.seconds += one.seconds
      total.cpu += one.cpu
      total.mib = Math.max(total.mib, one.mib)
    }
    total.requests = this.counter.take()
    return total
  }

  /** Puts the image where nothing is attached to it. */
  async image(name: string): Promise<string> {
    const store = openStore(parseReference(`${this.counter.host}/${name}:latest`, '/'), testPorts())
    return `${this.counter.host}/${name}@${(await putSmallImage(store, smallFiles)).digest}`
  }

  ours(...args: string[]): Call {
    return { command: process.execPath, args: [program, ...args, '--state', join(this.folder, 'state')] }
  }

  /** Describes the image, so that both sides have the same documents to sign. The proxy runs in this process, which must not block. */
  async describe(image: string): Promise<Record<string, string>> {
    const { command, args } = this.ours('sbom', '--image', image, '--formats', formats, '--json')
    const { stdout } = await promisify(execFile)(command, args)
    return (JSON.parse(stdout) as { outputs: Record<string, string> }).outputs
  }
}

const formats = 'spdx-json,cyclonedx-json,spdx3-json'

function cosign(
  { name, write, read }: Reader,
  image: string,
  paths: Record<string, string>,
): [sign: Call[], verify: Call[]] {
  const command = join(peers, name)
  const quiet = ['--allow-insecure-registry']
  const key = ['--key', 'cosign.key', '--yes', ...quiet, ...write]
  const pub = ['--key', 'cosign.pub', ...quiet, ...read]
  return [
    [
      { command, args: ['sign', ...key, image] },
      ...documents.map(([, type, output]) => ({
        command,
        args: ['attest', ...key, '--type', type, '--predicate', paths[output] ?? '', image],
      })),
    ],
    [
      { command, args: ['verify', ...pub, image] },
      ...documents.map(([, type]) => ({ command, args: ['verify-attestation', ...pub, '--type', type, image] })),
    ],
  ]
}

function mine(run: Run, { consumers }: Reader, image: string): [sign: Call[], gate: Call[], verify: Call[]] {
  const kinds = ['sign', ...documents.map(([kind]) => kind)].join(',')
  const key = ['--signer', 'key', '--key', run.keys.signing, '--key-password', 'env:COSIGN_PASSWORD']
  return [
    [run.ours('sign-attest', '--image', image, ...key, '--consumers', consumers, '--statements', kinds)],
    [run.ours('verify-deploy', '--image', image, '--policy', 'policy.yml')],
    [run.ours('verify', 'bundle', image, '--public-key', 'cosign.pub', '--predicate-type', 'any')],
  ]
}

function policy(): string {
  const kinds = ['sign', ...documents.map(([kind]) => kind)].join(', ')
  return `version: 1\nrelease-keys: [cosign.pub]\naccept-signature-only: true\naccept-not-rebuilt: true\nstatements: [${kinds}]\n`
}

interface Results {
  sign: Total[]
  gate: Total[]
  verify: Total[]
  theirSign: Total[]
  theirVerify: Total[]
}

function emptyResults(): Results {
  return { sign: [], gate: [], verify: [], theirSign: [], theirVerify: [] }
}

function show(label: string, ours: readonly Total[], theirs: readonly Total[]): void {
  const of = (all: readonly Total[], pick: (one: Total) => number): number => median(all.map(pick))
  const line = (name: string, all: readonly Total[]): string =>
    `  ${name.padEnd(14)} ${(of(all, ({ seconds }) => seconds) * 1000).toFixed(0).padStart(6)} ms ${(of(all, ({ cpu }) => cpu) * 1000).toFixed(0).padStart(6)} ms CPU ${of(
      all,
      ({ mib }) => mib,
    )
      .toFixed(0)
      .padStart(5)} MiB ${of(all, ({ requests }) => requests)
      .toFixed(0)
      .padStart(4)} requests`
  const ratio = (pick: (one: Total) => number): string => (of(ours, pick) / of(theirs, pick)).toFixed(2)
  console.log(`${label}\n${line('ours, 1 call', ours)}\n${line('cosign, 5', theirs)}`)
  console.log(
    `  ours / cosign: ${ratio(({ seconds }) => seconds)} of the time, ${ratio(({ cpu }) => cpu)} of the processor time, ${ratio(({ requests }) => requests)} of the requests`,
  )
}

const work = mkdtempSync(join(tmpdir(), 'sealwright-bench-'))
try {
  const keys = makeKeys(work, join(peers, 'cosign2'))
  console.log(`${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}, n = ${runs}, medians`)
  const results = new Map(readers.map((reader) => [reader, emptyResults()]))
  for (let i = 0; i < runs; i += 1) {
    for (const [reader, result] of results) {
      const registry = await startRegistry('referrers')
      const counter = await countRequests(registry.host)
      const run = new Run(join(work, `${reader.name}-${i}`), counter, keys)
      mkdirSync(run.folder)
      for (const name of ['cosign.key', 'cosign.pub']) copyFileSync(join(work, name), join(run.folder, name))
      writeFileSync(join(run.folder, 'config.json'), noServices)
      writeFileSync(join(run.folder, 'policy.yml'), policy())
      const [here, there] = [await run.image('ours'), await run.image('theirs')]
      const paths = await run.describe(here)
      const [sign, gate, verify] = mine(run, reader, here)
      result.sign.push(await run.total(sign))
      result.gate.push(await run.total(gate))
      result.verify.push(await run.total(verify))
      const [theirSign, theirVerify] = cosign(reader, there, paths)
      result.theirSign.push(await run.total(theirSign))
      result.theirVerify.push(await run.total(theirVerify))
      await counter.close()
      await registry.close()
      rmSync(run.folder, { recursive: true })
    }
  }
  for (const [{ name }, result] of results) {
    show(`signature and ${documents.length} statements, beside ${name}`, result.sign, result.theirSign)
    show(`verify bundle: the same signatures, beside ${name}`, result.verify, result.theirVerify)
    show(`verify-deploy: the same, and the contents of the image, beside ${name}`, result.gate, result.theirVerify)
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
