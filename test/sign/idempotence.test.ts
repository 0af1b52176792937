import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { currentHead } from '../../src/log/open-log.ts'
import { openLogFiles, openLogStore } from '../../src/log/open-store.ts'
import { createLog } from '../../src/log/writer.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Digest, type Store } from '../../src/oci/types.ts'
import { loadNoteSigner } from '../../src/sign/note-signer.ts'
import { parseNoteKey } from '../../src/sign/signed-note.ts'
import { ed25519Pem } from '../../testkit/log.ts'
import { withPeers } from '../../testkit/peers.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { makeAuthority } from '../../testkit/timestamp/authority.ts'
import { startTimestampServer } from '../../testkit/timestamp/server.ts'
import { bytesOf, grype, openvex } from '../statement/claims/reports.ts'
import { privatePem, storeOf } from './fixtures.ts'
import { job, runSign, spdx, stopAgents } from './job.ts'
import { certified } from './notation/fixtures.ts'

afterEach(stopAgents)

/** Tags and referrers of a place, to be compared. */
async function stateOf(store: Store, digests: readonly Digest[]): Promise<unknown> {
  const tags = await Promise.all((await store.tags()).map(async (tag) => [tag, await store.resolve({ tag })]))
  return [tags, await Promise.all(digests.map((digest) => store.referrers(digest)))]
}

/** Runs with everything that signing can write, twice over each of an image and an index; the second run must write nothing at all. */
async function twice(place: (name: string) => string): Promise<void> {
  const made = await job({ agent: false })
  const { ports, store, image } = made
  const { cwd } = ports.roots
  const by = certified('P-256')
  const logKey = ed25519Pem()
  const files: Record<string, string | Buffer> = {
    'my.key': by.keyPem,
    'chain.pem': by.chainPem,
    'scanner.key': privatePem(),
    'log.pem': logKey,
    'sbom.json': spdx,
    'scan.json': bytesOf(grype(image.digest, ['Low'])),
    'vex.json': bytesOf(openvex(image.digest, [{ id: 'CVE-1', status: 'fixed' }])),
  }
  for (const [name, content] of Object.entries(files)) writeFileSync(join(cwd, name), content)
  const signer = await loadNoteSigner('log.example.internal', logKey, null)
  await createLog(openLogStore('./log', ports), signer, null, {})
  const logSize = async (): Promise<number> =>
    (await currentHead(openLogFiles('./log', ports), parseNoteKey(signer.vkey, 'log'))).size
  const child = { ...image, platform: { os: 'linux', architecture: 'amd64' } }
  const index = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [child] })
  const { digest } = await store.putManifest(index, mediaTypes.index, { tag: 'multi' })

  const stamps = await startTimestampServer(makeAuthority())
  let writes: string[] = []
  const http: Ports['http'] = {
    ...ports.http,
    request: (url, options) => {
      const stamp = url.startsWith(stamps.url)
      if (!stamp && !['GET', 'HEAD'].includes(options?.method ?? 'GET')) writes.push(`${options?.method} ${url}`)
      return ports.http.request(url, options)
    },
  }
  try {
    const witnesses = { timestamp: stamps.url, log: './log', 'log-private-key': 'log.pem' }
    const key = { signer: 'key', key: 'my.key', certificate: 'chain.pem' }
    const sign = { ...key, ...witnesses, consumers: 'cosign2,cosign3,coco,notation,scitt' }
    const claims = { signer: 'key', key: 'scanner.key', ...witnesses, claims: 'scan.json\nvex.json' }
    const runs: Record<string, string>[] = [
      { ...sign, image: 'oci:built:v1', output: place('v1'), sbom: 'sbom.json' },
      { ...sign, image: 'oci:built:multi', output: place('multi') },
      { ...claims, image: 'oci:built:v1', output: place('v1') },
    ]
    const all = async (): Promise<string[]> => {
      const headlines: string[] = []
      for (const given of runs)
        headlines.push((await runSign(given, { ...ports, http }, made.directory)).report.headline)
      return headlines
    }
    const published = storeOf(place('v1'), ports)
    const snapshot = async (): Promise<unknown> => [
      await stateOf(published, [image.digest, digest]),
      await logSize(),
      stamps.requests(),
    ]
    for (const headline of await all()) expect(headline).toMatch(/^Signed/)
    const before = await snapshot()
    expect(await logSize()).toBeGreaterThan(5)
    // Without this the empty list below would prove nothing.
    expect(writes.length > 0).toBe(published.kind === 'registry')
    writes = []
    for (const headline of await all()) expect(headline).toMatch(/^Nothing to sign/)
    expect(writes).toEqual([])
    expect(await snapshot()).toEqual(before)
  } finally {
    await stamps.close()
  }
}

test(
  'the same runs again change nothing in a layout, in the log and at the time stamp service',
  () => twice((name) => `oci:out:${name}`),
  60_000,
)

for (const kind of ['docker', 'referrers'] as const) {
  withPeers([registryPeers[kind]], `the same runs again send nothing that writes to a registry (${kind})`, async () => {
    const registry = await startRegistry(kind)
    try {
      await twice((name) => `${registry.host}/team/app:${name}`)
    } finally {
      await registry.close()
    }
  })
}
