import { sha256 } from '../../src/base/streams.ts'
import type { Ports } from '../../src/base/ports.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { mediaTypes, type Descriptor, type Store } from '../../src/oci/types.ts'

export function storeOf(text: string, ports: Ports): Store {
  return openStore(parseReference(text, ports.roots.cwd), ports)
}

/** A small image with one layer of `text`, tagged. The layer's tar is not looked into by the tools used here. */
export async function putImage(store: Store, text: string, tag?: string): Promise<Descriptor> {
  const config = Buffer.from(
    JSON.stringify({
      architecture: 'amd64',
      os: 'linux',
      config: {},
      rootfs: { type: 'layers', diff_ids: [sha256(text)] },
    }),
  )
  const layer = await store.putBlob({ bytes: Buffer.from(text) })
  const manifest = manifestBytes({
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, ...(await store.putBlob({ bytes: config })) },
    layers: [{ mediaType: mediaTypes.layerTar, ...layer }],
  })
  return store.putManifest(manifest, mediaTypes.manifest, { tag })
}
