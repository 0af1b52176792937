/**
 * `npm run bench -- query`: which of 1,000 images of a repository contain a package, and who says so? Each image has two statements; one image in ten has
 * the package. `sealwright query` with an empty and a filled cache, after one new image, and without a cache, in a layout, in docker-registry and in the
 * test registry, also with 25 ms a request; requests are counted by a proxy. Beside it a loop of `oras discover` and `cosign verify-attestation`
 * over 20 of the images, of which the time of one image is shown: neither tool asks a question of a repository. Asserts that each image that has the
 * package is found.
 *
 * Environment: `BENCH_QUERY` (1003).
 */
import { writeFileSync } from 'node:fs'
import { join, resolve } from 'node:path'
import { eachOf } from '../src/base/each-of.ts'
import { openStore } from '../src/oci/open.ts'
import { parseReference } from '../src/oci/reference.ts'
import type { Store } from '../src/oci/types.ts'
import { loadPublicKey } from '../src/sign/public-key.ts'
import { openQueryCache } from '../src/tasks/query/cache.ts'
import { runQuery } from '../src/tasks/query/run.ts'
import { querySources } from '../src/tasks/query/sources.ts'
import { queryTrust } from '../src/tasks/query/trust.ts'
import { makeKey } from '../testkit/chain.ts'
import { scratch, testPorts } from '../testkit/ports.ts'
import { startRegistry } from '../testkit/registry.ts'
import { bom, say } from '../testkit/say.ts'
import { putSmallImage } from '../testkit/small-image.ts'
import { countRequests, type Counter } from './count-requests.ts'
import { measure } from './measure.ts'

/** With its tags for lists of referrers no multiple of 50: such a list of tags may be cut, so it is not believed. */
const most = Number(process.env['BENCH_QUERY'] ?? 1003)
/** Images that the tools beside us look at. */
const looked = 20
const peers = resolve(import.meta.dirname, '../.peers/bin')
const key = makeKey()
const publicKey = join(scratch('bench'), 'key.pub')
writeFileSync(publicKey, key.signer.publicKeyPem)

const open = (name: string): Store => openStore(parseReference(name, '/'), testPorts())
const has = (i: number): boolean => i % 10 === 0

async function put(store: Store, i: number): Promise<void> {
  const image = await putSmallImage(store, { file: `image ${i}` }, `v${i}`)
  const packages = [`pkg:npm/left-pad@${has(i) ? 1 : 2}.3.0`, `pkg:npm/other@${i}.0.0`]
  await say(store, image, 'cyclonedx', bom(...packages), key)
  await say(store, image, 'rebuild', {}, key)
}

async function fill(name: string): Promise<void> {
  const store = open(name)
  await eachOf([...Array.from({ length: most }).keys()], store.kind === 'layout' ? 1 : 8, (i) => put(store, i))
}

async function ask(name: string, title: string, folder: string, counter: Counter | null): Promise<void> {
  counter?.take()
  const ports = testPorts()
  const [start, before] = [performance.now(), process.cpuUsage()]
  const cache = await openQueryCache(folder, ports)
  const sources = await querySources([name], ports, cache)
  const rows = {
    ...{ types: [], predicates: [], signers: [], identities: [], issuers: [], verdicts: ['verified' as const] },
    ...{ period: null, trustedTime: false, package: 'pkg:npm/left-pad@<2.0.0', newest: null },
  }
  const trust = queryTrust(null, [loadPublicKey(key.signer.publicKeyPem)])
  const answer = await runQuery(sources, { rows, inProduction: null, states: [], trust, at: new Date() })
  cache.close()
  const ms = performance.now() - start
  const wanted = Math.ceil(answer.looked.images / 10)
  if (answer.images.length !== wanted) throw new Error(`${answer.images.length} of ${wanted} images were found`)
  const mib = Math.round(process.resourceUsage().maxRSS / 1024)
  const { user, system } = process.cpuUsage(before)
  const cpu = ((user + system) / 1000 / answer.looked.images).toFixed(1)
  // The proxy that counts is in this process.
  line(title, ms, answer.looked.images, counter, `, ${cpu} ms processor time/image with the proxy, peak ${mib} MiB`)
}

function line(title: string, ms: number, images: number, counter: Counter | null, more = ''): void {
  const requests = counter === null ? '' : `, ${(counter.take() / images).toFixed(1)} requests/image`
  console.log(
    `  ${title.padEnd(34)} ${(ms / 1000).toFixed(1)} s, ${(ms / images).toFixed(1)} ms/image${requests}${more}`,
  )
}

async function others(name: string, counter: Counter): Promise<void> {
  counter.take()
  const cosign = ['verify-attestation', '--key', publicKey, '--type', 'cyclonedx', '--insecure-ignore-tlog']
  const tools: readonly [string, (image: string) => [string, string[]]][] = [
    ['oras discover', (image) => [join(peers, 'oras'), ['discover', '--plain-http', '--format', 'json', image]]],
    ['cosign verify-attestation', (image) => [join(peers, 'cosign3'), [...cosign, '--allow-http-registry', image]]],
  ]
  for (const [title, command] of tools) {
    const start = performance.now()
    for (let i = 0; i < looked; i++) await measure(...command(`${name}:v${i}`))
    line(title, performance.now() - start, looked, counter)
  }
}

console.log(`${most} images, Node ${process.version}`)
const layout = `oci:${scratch('bench')}/layout`
await fill(layout)
console.log('layout')
await ask(layout, 'query', 'none', null)
for (const kind of ['docker', 'referrers'] as const) {
  const registry = await startRegistry(kind)
  try {
    await fill(`${registry.host}/bench/app`)
    let added = most
    for (const latency of [0, 25]) {
      const counter = await countRequests(registry.host, latency)
      try {
        const name = `${counter.host}/bench/app`
        const cache = scratch('cache')
        console.log(`${kind === 'docker' ? 'docker-registry' : 'test registry'}, ${latency} ms a request`)
        await ask(name, 'query, no cache', 'none', counter)
        await ask(name, 'query, empty cache', cache, counter)
        await ask(name, 'query, filled cache', cache, counter)
        await put(open(`${registry.host}/bench/app`), added++)
        await ask(name, 'query, one new image', cache, counter)
        await others(name, counter)
      } finally {
        await counter.close()
      }
    }
  } finally {
    await registry.close()
  }
}
