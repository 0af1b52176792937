/**
 * `npm run bench -- promote`: an image with all that is attached to it goes from one registry to another, by `sealwright promote` (which verifies it
 * at both) and by the tools that only copy: oras with referrers, crane and skopeo without. Wall time and requests to both registries, which proxies
 * count; each run has an empty target. Without and with 25 ms a request. Prints medians and ratios; asserts nothing, but a command that fails
 * ends the run. With `--markdown` it prints the table of docs/performance.md in place of them.
 *
 * Environment: `BENCH_RUNS` (3), `BENCH_SCALE` (1; 0.1 for a tenth of the blobs and referrers), `BENCH_CASES` (all; `referrers,small,platforms`),
 * `BENCH_TOOLS` (all; the beginnings of their names, as `sealwright,oras`), `BENCH_SOURCES=1` to run from `src/`.
 */
import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { cpus, loadavg, tmpdir } from 'node:os'
import { join, resolve } from 'node:path'
import { promisify } from 'node:util'
import { putArtifact } from '../src/oci/artifact.ts'
import { manifestBytes } from '../src/oci/manifest.ts'
import { openStore } from '../src/oci/open.ts'
import { parseReference } from '../src/oci/reference.ts'
import { mediaTypes, type Descriptor, type Store } from '../src/oci/types.ts'
import { archive, endMark, member } from '../testkit/raw-tar.ts'
import { testPorts } from '../testkit/ports.ts'
import { startRegistry } from '../testkit/registry.ts'
import { countRequests } from './count-requests.ts'
import { makeKeys } from './keys.ts'
import { measure, median } from './measure.ts'

const root = resolve(import.meta.dirname, '..')
const peers = join(root, '.peers/bin')
const runs = Number(process.env['BENCH_RUNS'] ?? 3)
const scale = Number(process.env['BENCH_SCALE'] ?? 1)
const program = join(root, process.env['BENCH_SOURCES'] === '1' ? 'bench/from-sources.ts' : 'dist/cli/index.js')
const markdown = process.argv.includes('--markdown')
/** Whether a variable names it; without the variable everything is named. */
const named = (variable: string, name: string): boolean =>
  process.env[variable]?.split(',').some((one) => name.startsWith(one)) ?? true
const work = mkdtempSync(join(tmpdir(), 'sealwright-bench-'))

const scaled = (count: number): number => Math.max(1, Math.round(count * scale))

async function putImage(store: Store, layers: number, bytes: number, architecture: string): Promise<Descriptor> {
  const put = async (mediaType: string, content: Buffer): Promise<Descriptor> => ({
    mediaType,
    ...(await store.putBlob({ bytes: content })),
  })
  const listed: Descriptor[] = []
  for (let i = 0; i < layers; i++) {
    const tar = archive(member({ name: `layer-${i}` }, randomBytes(bytes)), endMark)
    listed.push(await put(mediaTypes.layerTar, tar))
  }
  const text = {
    architecture,
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: listed.map(({ digest }) => digest) },
  }
  const config = await put(mediaTypes.config, Buffer.from(JSON.stringify(text)))
  const manifest = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: listed })
  return store.putManifest(manifest, mediaTypes.manifest)
}

async function attach(store: Store, subject: Descriptor, count: number, bytes: number): Promise<void> {
  for (let i = 0; i < count; i++) {
    const layer = { mediaType: 'application/spdx+json', bytes: randomBytes(bytes) }
    await putArtifact(store, { artifactType: 'application/spdx+json', subject, layers: [layer] })
  }
}

/** Name of the repository, and what is put there: the image and those manifests of it that are signed. */
const cases: readonly [string, string, (store: Store) => Promise<{ image: Descriptor; signed: Descriptor[] }>][] = [
  [
    'referrers',
    `an image of 3 layers (${scaled(1000)} MB) with ${scaled(50)} referrers`,
    async (store) => {
      const image = await putImage(store, 3, Math.round(scaled(1000) * 1e6) / 3, 'amd64')
      await attach(store, image, scaled(50), 20_000)
      return { image, signed: [image] }
    },
  ],
  [
    'small',
    `an image of ${scaled(3000)} small blobs`,
    async (store) => {
      const image = await putImage(store, scaled(3000), 3000, 'amd64')
      return { image, signed: [image] }
    },
  ],
  [
    'platforms',
    'an index of 8 platforms, an SBOM on each',
    async (store) => {
      const signed: Descriptor[] = []
      for (const architecture of ['amd64', 'arm64', 'arm', '386', 'ppc64le', 's390x', 'riscv64', 'mips64le']) {
        const child = await putImage(store, 3, 300_000, architecture)
        await attach(store, child, 1, 50_000)
        signed.push({ ...child, platform: { os: 'linux', architecture } })
      }
      const bytes = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: signed })
      return { image: await store.putManifest(bytes, mediaTypes.index), signed }
    },
  ],
]

interface Run {
  seconds: number
  requests: number
  mib: number
}

type Tool = readonly [name: string, command: string, args: (from: string, to: string) => string[]]

const tools: readonly Tool[] = [
  [
    'sealwright promote',
    process.execPath,
    (from, to) => [program, 'promote', '--from', from, '--to', to, '--policy', join(work, 'policy.yml'), ...state],
  ],
  ['oras cp -r', join(peers, 'oras'), (from, to) => ['cp', '-r', '--from-plain-http', '--to-plain-http', from, to]],
  [
    'regctl image copy',
    join(peers, 'regctl'),
    (from, to) => {
      const hosts = [from, to].flatMap((name) => ['--host', `reg=${name.split('/')[0]},tls=disabled`])
      return ['image', 'copy', '--referrers', '--digest-tags', ...hosts, from, to]
    },
  ],
  ['crane cp', join(peers, 'crane'), (from, to) => ['cp', '--insecure', from, to]],
  [
    'skopeo copy --all',
    '/usr/bin/skopeo',
    (from, to) => [
      'copy',
      '--all',
      '--src-tls-verify=false',
      '--dest-tls-verify=false',
      `docker://${from}`,
      `docker://${to}`,
    ],
  ],
]
const state = ['--state', join(work, 'state')]

/** One row of the table: seconds, requests and, of ours, the peak of memory. */
function row(title: string, setting: string, results: ReadonlyMap<string, Run[]>): string {
  const cells = [...results].map(([name, all]) => {
    const of = (pick: (run: Run) => number): number => median(all.map(pick))
    const memory = name === 'sealwright promote' ? `, ${of((run) => run.mib).toFixed(0)} MiB` : ''
    return `${of((run) => run.seconds).toFixed(2)} s, ${of((run) => run.requests)}${memory}`
  })
  return `| ${[title, setting, ...cells].join(' | ')} |`
}

function show(title: string, results: ReadonlyMap<string, Run[]>): void {
  console.log(title)
  const of = (all: readonly Run[], pick: (run: Run) => number): number => median(all.map(pick))
  const ours = results.get('sealwright promote') ?? []
  for (const [name, all] of results) {
    const [seconds, requests] = [of(all, (run) => run.seconds), of(all, (run) => run.requests)]
    const [time, asked] = [of(ours, (run) => run.seconds) / seconds, of(ours, (run) => run.requests) / requests]
    const ratio = all === ours ? '' : `  ours: ${time.toFixed(2)} of the time, ${asked.toFixed(2)} of the requests`
    console.log(
      `  ${name.padEnd(20)} ${seconds.toFixed(2).padStart(7)} s ${String(requests).padStart(6)} requests${ratio}`,
    )
  }
}

try {
  const keys = makeKeys(work, join(peers, 'cosign2'))
  const there = tools.filter(([tool, command]) => existsSync(command) && named('BENCH_TOOLS', tool))
  writeFileSync(
    join(work, 'policy.yml'),
    'version: 1\nrelease-keys: [cosign.pub]\naccept-signature-only: true\naccept-not-rebuilt: true\nstatements: [sign]\n',
  )
  for (const [name, command] of tools)
    if (!existsSync(command)) console.log(`${name} is not installed, so it is left out`)
  console.log(`${cpus().length} cores, load ${loadavg()[0]?.toFixed(1)}, Node ${process.version}, n = ${runs}, medians`)
  if (markdown) {
    console.log(`\n| | server, per request | ${there.map(([tool]) => tool).join(' | ')} |`)
    console.log(`|---|---|${there.map(() => '---|').join('')}`)
  }
  for (const kind of ['docker', 'referrers'] as const) {
    const source = await startRegistry(kind)
    try {
      for (const [name, title, make] of cases.filter(([one]) => named('BENCH_CASES', one))) {
        const store = openStore(parseReference(`${source.host}/team/${name}`, '/'), testPorts())
        const { image, signed } = await make(store)
        await store.tag('v1', image.digest)
        for (const { digest } of signed) {
          const args = ['sign-attest', '--image', `${store.name}@${digest}`, '--signer', 'key', '--key', keys.signing]
          const more = [
            '--key-password',
            'env:COSIGN_PASSWORD',
            '--consumers',
            'cosign3',
            '--statements',
            'sign',
            ...state,
          ]
          const env = { ...process.env, COSIGN_PASSWORD: keys.password }
          await promisify(execFile)(process.execPath, [program, ...args, ...more], { env })
        }
        for (const latency of [0, 25]) {
          const results = new Map<string, Run[]>(there.map(([tool]) => [tool, []]))
          for (let i = 0; i < runs; i++) {
            for (const [tool, command, args] of there) {
              const target = await startRegistry(kind)
              const [a, b] = [await countRequests(source.host, latency), await countRequests(target.host, latency)]
              const { seconds, mib } = await measure(
                command,
                args(`${a.host}/team/${name}:v1`, `${b.host}/prod/${name}:v1`),
              )
              results.get(tool)?.push({ seconds, requests: a.take() + b.take(), mib })
              for (const one of [a, b, target]) await one.close()
            }
          }
          const server = kind === 'docker' ? 'docker-registry' : 'test registry'
          if (markdown) console.log(row(title, `${server}, ${latency} ms`, results))
          else show(`${title}; ${server}, ${latency} ms a request`, results)
        }
      }
    } finally {
      await source.close()
    }
  }
} finally {
  rmSync(work, { recursive: true, force: true })
}
