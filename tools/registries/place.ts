import { createHash } from 'node:crypto'
import type { Store } from '../../src/oci/types.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { parseQuirks } from '../registry/quirks.ts'
import { serveRegistry } from '../registry/server.ts'
import { openStorage, type Repository, type Storage } from '../registry/storage.ts'
import type { Row } from './rows.ts'

/** Where one row is tried. */
export interface Place {
  /** A server over the same store, with the row's quirks or without, whose counters are at zero; for a layout its folder. */
  open(quirky: boolean): Promise<{ readonly host: string; close(): Promise<void> }>
  /** Whether name and password are asked for. */
  readonly wantsLogin: boolean
  /** Digest of the image that lies in each of {@link repositories} under `v1`. */
  readonly digest: string
  close(): Promise<void>
}

/** Repositories with the same image, one for each program; each may write to it, and copy to `<name>/copy`. */
export const repositories = ['sealwright', 'cosign2', 'cosign3', 'oras', 'skopeo', 'regctl', 'crane'] as const

export async function makePlace(row: Row, strangers: number): Promise<Place> {
  if (row.kind === 'layout') return layoutPlace()
  if (row.kind === 'docker') return dockerPlace()
  const storage = openStorage()
  // The image is there before the quirks are.
  const plain = await serveRegistry({ storage })
  const { digest } = await putSmallImage(storeOf(`${plain.host}/seed/app`), smallFiles, 'v1')
  await plain.close()
  const seed = storage.open('seed/app')
  if (row.strangers !== undefined) attachStrangers(seed, digest, strangers)
  for (const name of repositories) storage.repositories.set(`${name}/app`, copyOf(seed))
  const quirks = parseQuirks(row.quirks)
  return {
    open: (quirky) => serveRegistry({ storage, quirks: quirky ? row.quirks : '' }),
    wantsLogin: (['basic', 'token', 'token-host', 'two-challenges'] as const).some((name) => quirks.has(name)),
    digest,
    close: async () => storage.remove(),
  }
}

async function dockerPlace(): Promise<Place> {
  const registry = await startRegistry('docker')
  let digest = ''
  for (const name of repositories)
    ({ digest } = await putSmallImage(storeOf(`${registry.host}/${name}/app`), smallFiles, 'v1'))
  const open = { host: registry.host, close: async () => {} }
  return { open: async () => open, wantsLogin: false, digest, close: () => registry.close() }
}

async function layoutPlace(): Promise<Place> {
  const host = `oci:${scratch('layouts')}`
  const { digest } = await putSmallImage(storeOf(`${host}/sealwright/app`), smallFiles, 'v1')
  return { open: async () => ({ host, close: async () => {} }), wantsLogin: false, digest, close: async () => {} }
}

function storeOf(text: string): Store {
  return openStore(parseReference(text, '/'), testPorts())
}

function copyOf(from: Repository): Repository {
  return {
    blobs: new Map(from.blobs),
    manifests: new Map(from.manifests),
    tags: new Map(from.tags),
    referrers: new Map([...from.referrers].map(([digest, group]) => [digest, new Set(group)])),
  }
}

/** Attaches artifacts without content, as anybody who may push can. */
function attachStrangers(repository: Repository, subject: string, count: number): void {
  const image = repository.manifests.get(subject) as NonNullable<
    ReturnType<Storage['open']>['manifests'] extends Map<string, infer T> ? T : never
  >
  const config = {
    mediaType: 'application/vnd.oci.empty.v1+json',
    digest: `sha256:44136fa355b3678a1146ad16f7e8649e94fb4fc21fe77e8310c060f61caaff8a`,
    size: 2,
  }
  for (let i = 0; i < count; i++) {
    const content = {
      schemaVersion: 2,
      mediaType: image.mediaType,
      artifactType: 'application/vnd.example.stranger',
      config,
      layers: [],
      subject: { mediaType: image.mediaType, digest: subject, size: image.bytes.length },
      annotations: { number: String(i) },
    }
    const bytes = Buffer.from(JSON.stringify(content))
    const digest = `sha256:${createHash('sha256').update(bytes).digest('hex')}`
    repository.manifests.set(digest, { digest, mediaType: image.mediaType, bytes, content, at: 0 })
    repository.referrers.set(subject, (repository.referrers.get(subject) ?? new Set()).add(digest))
  }
}
