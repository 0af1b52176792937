import { execFileSync } from 'node:child_process'
import { existsSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { collect } from '../../src/base/streams.ts'
import { copyImage } from '../../src/oci/copy.ts'
import { isIndex } from '../../src/oci/manifest.ts'
import { resolveImage } from '../../src/oci/open.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { findPeer } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { codeOf, storeOf } from './helpers.ts'

const socket = (process.env['DOCKER_HOST'] ?? 'unix:///var/run/docker.sock').replace(/^unix:\/\//, '')
const [docker, skopeo] = [findPeer('docker'), findPeer('skopeo')]
const missing = [
  ...(docker === null ? ['docker'] : []),
  ...(skopeo === null ? ['skopeo'] : []),
  ...(existsSync(socket) ? [] : [`a Docker engine at ${socket}`]),
]
/** A machine of CI has an engine, or says so here. */
const withEngine = (title: string, fn: () => Promise<void>): void =>
  missing.length === 0
    ? test(title, fn, 120_000)
    : test.skip(`skipped: ${missing.join(', ')} not here: ${title}`, () => {})

/** Configuration and plain layers of an image, by their digests. */
async function partsOf(store: Store, digest: Digest): Promise<{ diffIds: string[]; sizes: number[] }> {
  const { content } = await store.getManifest(digest)
  if (isIndex(content)) throw new Error(`${digest} is an index`)
  const config = JSON.parse(String(await collect(await store.openBlob(content.config), 1 << 20, 'config'))) as {
    rootfs: { diff_ids: string[] }
  }
  const sizes: number[] = []
  for (const layer of content.layers) sizes.push((await collect(await store.openBlob(layer), 1 << 24, 'layer')).length)
  return { diffIds: config.rootfs.diff_ids, sizes }
}

withEngine('an image of a real engine is read, checked and copied', async () => {
  const name = `sealwright-test/app:${process.pid}`
  const folder = scratch('engine')
  const made = `oci:${join(folder, 'made')}`
  const put = await putSmallImage(storeOf(made, testPorts()), smallFiles, 'v1')
  const archive = join(folder, 'app.tar')
  execFileSync(skopeo ?? '', ['copy', '--quiet', `${made}:v1`, `docker-archive:${archive}:${name}`])
  execFileSync(docker ?? '', ['load', '--quiet', '--input', archive])
  try {
    const ports = { ...testPorts(), env: process.env }
    const { store, descriptor, reference } = await resolveImage(`docker-daemon:${name}`, ports)
    expect(reference).toBe(`docker-daemon:${name}@${descriptor.digest}`)
    const target = storeOf(`oci:${join(folder, 'copy')}`, testPorts())
    await copyImage(store, target, descriptor.digest)
    const [before, after] = [
      await partsOf(storeOf(made, testPorts()), put.digest),
      await partsOf(target, descriptor.digest),
    ]
    expect(after.diffIds).toEqual(before.diffIds)
    expect(after.sizes.every((size) => size > 0)).toBe(true)
    // Asked once more, it is the same image, and nothing is left in the folder for exports.
    const again = await resolveImage(`docker-daemon:${name}`, { ...testPorts(), env: process.env })
    expect(again.descriptor.digest).toBe(descriptor.digest)
    expect(readdirSync(ports.roots.temp)).toEqual([])
    expect(await codeOf(resolveImage('docker-daemon:sealwright-test/none:1', ports))).toBe('not-found')
  } finally {
    execFileSync(docker ?? '', ['rmi', '--force', name], { stdio: 'ignore' })
  }
})
