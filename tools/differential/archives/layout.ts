import { createHash } from 'node:crypto'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'

/** Writes an OCI layout of these layers, tagged `t`. */
export function writeLayout(folder: string, layers: readonly Buffer[]): void {
  const blobs = join(folder, 'blobs/sha256')
  mkdirSync(blobs, { recursive: true })
  const put = (bytes: Buffer, mediaType: string): { mediaType: string; digest: string; size: number } => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(blobs, hex), bytes)
    return { mediaType, digest: `sha256:${hex}`, size: bytes.length }
  }
  const json = (value: object): Buffer => Buffer.from(JSON.stringify(value))
  const ids = layers.map((layer) => `sha256:${createHash('sha256').update(layer).digest('hex')}`)
  const config = {
    created: '2026-01-01T00:00:00Z',
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: ids },
  }
  const type = 'application/vnd.oci.image'
  const manifest = {
    schemaVersion: 2,
    mediaType: `${type}.manifest.v1+json`,
    config: put(json(config), `${type}.config.v1+json`),
    layers: layers.map((layer) => put(gzipSync(layer, { level: 1 }), `${type}.layer.v1.tar+gzip`)),
  }
  const annotations = { 'org.opencontainers.image.ref.name': 't' }
  const index = { schemaVersion: 2, manifests: [{ ...put(json(manifest), manifest.mediaType), annotations }] }
  writeFileSync(join(folder, 'index.json'), json(index))
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
}
