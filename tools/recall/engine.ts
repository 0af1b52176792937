import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { messageOf } from '../../src/base/errors.ts'
import { loadImage } from '../../src/image/load.ts'
import { passImage } from '../../src/image/pass.ts'
import { writeTar } from '../../src/tar/write.ts'
import type { Image, TarEntry } from '../../src/image/types.ts'
import { collect, sha256 } from '../../src/base/streams.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Store } from '../../src/oci/types.ts'
import { catalogers } from '../../src/sbom/catalogers/index.ts'
import { OsReleaseReader } from '../../src/sbom/catalogers/os-release.ts'
import { Collector } from '../../src/sbom/collect.ts'
import { FileTree } from '../../src/sbom/tree.ts'
import type { FixtureFile } from './fixtures.ts'
import { rowOf } from './rows.ts'
import type { Row } from './types.ts'

/** What our engine finds in the fixtures of one ecosystem, as a one-layer image through the real pass; gaps are told. */
export async function ourRows(
  ecosystem: string,
  files: readonly FixtureFile[],
  ports: Ports,
): Promise<{ rows: Row[]; gaps: string[] }> {
  const { store, image } = await imageOf(files, join(ports.roots.temp, 'layout'), ports)
  // A damaged database ends the description of an image; here it lies beside good ones.
  const lenient = catalogers.map((one) => ({ ...one, strict: false }))
  const [collectors, release] = [lenient.map((one) => new Collector([one])), new OsReleaseReader()]
  const { inventory } = await passImage(store, image, [...collectors, release])
  const context = { os: release.finish(), tree: new FileTree(inventory) }
  const rows: Row[] = []
  const gaps: string[] = []
  for (const collector of collectors) {
    try {
      for (const { result, gaps: own } of collector.finish(context)) {
        gaps.push(...own.map(({ path, kind, why }) => `${ecosystem}/${path}: ${kind}: ${why}`))
        for (const found of result.packages) rows.push(...found.locations.map((path) => rowOf(ecosystem, path, found)))
      }
    } catch (error) {
      gaps.push(`${ecosystem}: ${messageOf(error)}`)
    }
  }
  return { rows, gaps }
}

async function imageOf(
  files: readonly FixtureFile[],
  folder: string,
  ports: Ports,
): Promise<{ store: Store; image: Image }> {
  const store = openLayout(folder, 'localhost/recall', ports)
  const layer = await collect(writeTar(files.map(entryOf)), 1 << 30, 'fixtures')
  const blob = await store.putBlob({ bytes: layer })
  const config = {
    architecture: 'amd64',
    os: 'linux',
    rootfs: { type: 'layers', diff_ids: [sha256(layer)] },
  }
  const manifest = manifestBytes({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, ...(await store.putBlob({ bytes: Buffer.from(JSON.stringify(config)) })) },
    layers: [{ mediaType: mediaTypes.layerTar, ...blob }],
  })
  const { digest } = await store.putManifest(manifest, mediaTypes.manifest, { tag: 'recall' })
  return { store, image: await loadImage(store, digest) }
}

function entryOf({ path, content }: FixtureFile): TarEntry {
  const header = {
    path,
    type: 'file',
    mode: 0o755,
    uid: 0,
    gid: 0,
    uname: '',
    gname: '',
    size: content.length,
    mtime: 0,
    link: '',
    devMajor: 0,
    devMinor: 0,
    xattrs: {},
  } as const
  return { header, body: once(content) }
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}
