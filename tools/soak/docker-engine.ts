import { execFileSync } from 'node:child_process'
import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { isDeepStrictEqual } from 'node:util'
import { collect } from '../../src/base/streams.ts'
import { copyImage } from '../../src/oci/copy.ts'
import { isIndex } from '../../src/oci/manifest.ts'
import { openStore, resolveImage } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { peer } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import type { Soak } from './names.ts'

const open = (text: string): Store => openStore(parseReference(text, '/'), testPorts())

/** Diff ids of an image; each layer is read. */
async function diffIdsOf(store: Store, digest: Digest): Promise<unknown> {
  const { content } = await store.getManifest(digest)
  if (isIndex(content)) throw new Error(`${digest} is an index`)
  for (const layer of content.layers) await collect(await store.openBlob(layer), 1 << 24, 'layer')
  const config: unknown = JSON.parse(String(await collect(await store.openBlob(content.config), 1 << 20, 'config')))
  return typeof config === 'object' && config !== null && 'rootfs' in config ? config.rootfs : null
}

/** One image given to the engine, read from it, copied, and asked for again. @returns what was wrong */
async function once(round: number): Promise<string[]> {
  const name = `sealwright-soak/app:${process.pid}-${round}`
  const folder = scratch('engine')
  const [made, copy] = [`oci:${join(folder, 'made')}`, `oci:${join(folder, 'copy')}`]
  const put = await putSmallImage(open(made), smallFiles, 'v1')
  const archive = join(folder, 'app.tar')
  execFileSync(peer('skopeo'), ['copy', '--quiet', `${made}:v1`, `docker-archive:${archive}:${name}`])
  execFileSync(peer('docker'), ['load', '--quiet', '--input', archive])
  try {
    const ports = { ...testPorts(), env: process.env }
    const { store, descriptor } = await resolveImage(`docker-daemon:${name}`, ports)
    await copyImage(store, open(copy), descriptor.digest)
    const same = isDeepStrictEqual(
      await diffIdsOf(open(copy), descriptor.digest),
      await diffIdsOf(open(made), put.digest),
    )
    const again = await resolveImage(`docker-daemon:${name}`, { ...testPorts(), env: process.env })
    return [
      ...(same ? [] : ['the layers that came back are others']),
      ...(again.descriptor.digest === descriptor.digest ? [] : ['asked once more, it is another image']),
      ...(readdirSync(ports.roots.temp).length === 0 ? [] : ['an export was left behind']),
    ]
  } finally {
    execFileSync(peer('docker'), ['rmi', '--force', name], { stdio: 'ignore' })
    rmSync(folder, { recursive: true, force: true })
  }
}

/** `docker-daemon:` beside a real engine, which CI does not start: the engine of the tests answers with what `docker save` writes. */
export const dockerEngineSoak: Soak = {
  what: 'images that a real Docker engine (at DOCKER_HOST) loaded, read back as docker-daemon:, copied, and compared with what was given to it',
  full: 10,
  async run({ count, tell }) {
    const version = execFileSync(peer('docker'), ['version', '--format', '{{.Server.Version}}'], { encoding: 'utf8' })
    const findings: string[] = []
    for (let round = 0; round < count; round++) {
      findings.push(...(await once(round)))
      tell(round)
    }
    return {
      good: findings.length === 0,
      text: `Docker Engine ${version.trim()}, ${count} images; ${findings.length} findings`,
      findings,
    }
  },
}
