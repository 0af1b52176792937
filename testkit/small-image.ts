import { plainRequest } from './build-record.ts'
import { sha256 } from '../src/base/streams.ts'
import { compress } from '../src/image/compress.ts'
import { loadImage } from '../src/image/load.ts'
import { writeTar } from '../src/tar/write.ts'
import type { TarEntry, TarHeader } from '../src/image/types.ts'
import { roles, type EventDraft } from '../src/journal/event.ts'
import { putArtifact } from '../src/oci/artifact.ts'
import { manifestBytes } from '../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../src/oci/types.ts'
import { describeImage, type Described } from '../src/sbom/scan.ts'
import { inventoryPredicate } from '../src/statement/inventory.ts'
import { provenancePredicate } from '../src/statement/provenance.ts'
import { rebuildPredicate } from '../src/statement/rebuild.ts'
import { makeStatement } from '../src/statement/statement.ts'
import { inventoryArtifactType, inventoryMediaType, type BuildRecord } from '../src/statement/types.ts'
import { jcs } from '../src/encoding/jcs.ts'
import type { Ports } from '../src/base/ports.ts'
import { encryptImage } from '../src/encrypt/encrypt-image.ts'
import { encryptionPredicate } from '../src/statement/encryption.ts'
import type { ChainBase } from './chain.ts'
import { performed } from './performed.ts'

/** Files of a small application with one npm package. */
export const smallFiles: Readonly<Record<string, string>> = {
  'app/index.js': 'console.log("hello")\n',
  'app/package.json': '{"name":"app","version":"1.0.0"}',
  'app/node_modules/left-pad/package.json': '{"name":"left-pad","version":"1.3.0","license":"WTFPL"}',
}

export const smallCommit = 'c'.repeat(40)
export const smallClaims = {
  sub: 'repo:example/app:ref:refs/heads/main',
  repository: 'example/app',
  repository_id: '100001',
  ref: 'refs/heads/main',
  event_name: 'push',
  job_workflow_ref: 'example/app/.github/workflows/publish.yml@refs/heads/main',
  workflow_ref: 'example/app/.github/workflows/publish.yml@refs/heads/main',
  run_id: '42',
  sha: smallCommit,
}

/** Puts an image of one layer. `rawPath` puts one more entry whose path is written as it stands. */
export async function putSmallImage(
  store: Store,
  files: Readonly<Record<string, string>>,
  tag = 'latest',
  rawPath?: string,
): Promise<Descriptor> {
  const tar = await bytesOf(writeTar(Object.entries(files).map(([path, text]) => entry(path, text))))
  const full = rawPath === undefined ? tar : Buffer.concat([rawEntry(rawPath), tar])
  const layer = await bytesOf(compress('gzip', source(full)))
  const config = jcs({
    architecture: 'amd64',
    os: 'linux',
    config: {},
    rootfs: { type: 'layers', diff_ids: [sha256(full)] },
  })
  const put = async (bytes: Buffer, mediaType: string): Promise<Descriptor> =>
    ({ mediaType, ...(await store.putBlob({ bytes })) }) as Descriptor
  const manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: await put(config, mediaTypes.config),
    layers: [await put(layer, mediaTypes.layerGzip)],
  } as const
  return store.putManifest(manifestBytes({ ...manifest, layers: [...manifest.layers] }), mediaTypes.manifest, { tag })
}

/** The events and statements that a job would have for such an image. */
export async function smallBase(store: Store, subject: Descriptor, documents?: Described): Promise<ChainBase> {
  const image = await loadImage(store, subject.digest)
  const made = documents ?? (await describeImage(store, image))
  const record = smallRecord(subject.digest, image.configDigest)
  const recordBytes = jcs(record)
  const recordDigest = sha256(recordBytes) as Digest
  await putArtifact(store, {
    artifactType: inventoryArtifactType,
    subject,
    layers: [{ mediaType: inventoryMediaType, bytes: made.inventory }],
  })
  const about = { digest: subject.digest }
  const job = { assurance: 'token', instance: null, claims: smallClaims } as const
  return {
    subject,
    plain: subject.digest,
    claims: smallClaims,
    drafts: [
      event(
        'build',
        [['context', record.context.digest]],
        [
          [roles.image, subject.digest],
          [roles.config, image.configDigest],
          [roles.buildRecord, recordDigest],
        ],
        { reproducible: true, rebuilds: 1, independence: 'same-job' },
      ),
      event(
        'sbom',
        [
          [roles.image, subject.digest],
          [roles.config, image.configDigest],
        ],
        [
          [roles.spdx, sha256(made.spdx)],
          [roles.inventory, made.inventoryDigest],
        ],
        { packages: made.packages, engine: 'sealwright' },
      ),
    ],
    payloads: [
      { kind: 'sign', payload: makeStatement('sign', about, {}) },
      {
        kind: 'provenance',
        payload: makeStatement(
          'provenance',
          about,
          provenancePredicate({
            record,
            recordDigest,
            job,
            builderId: 'https://sealwright.dev/builder/v1/sample',
            version: '0.1.0',
          }),
        ),
      },
      { kind: 'spdx', payload: makeStatement('spdx', about, { document: made.spdx }) },
      {
        kind: 'inventory',
        payload: makeStatement(
          'inventory',
          about,
          inventoryPredicate({
            document: { digest: made.inventoryDigest, mediaType: inventoryMediaType, size: made.inventory.length },
            config: image.configDigest,
            diffIds: image.config.rootfs.diff_ids,
            files: made.pass.inventory.length,
          }),
        ),
      },
      { kind: 'rebuild', payload: makeStatement('rebuild', about, rebuildPredicate(record, recordDigest)) },
    ],
  }
}

export function event(
  kind: EventDraft['kind'],
  inputs: [string, string][],
  outputs: [string, string][],
  result: EventDraft['result'],
): EventDraft {
  const items = (list: [string, string][]): EventDraft['inputs'] =>
    list.map(([role, digest]) => ({
      role,
      name: role,
      digest: digest as Digest,
      mediaType: 'application/octet-stream',
    }))
  return {
    kind,
    inputs: items(inputs),
    outputs: items(outputs),
    ...performed,
    result,
  }
}

/** The build record of such an image. */
export function smallRecord(manifest: Digest, config: Digest): BuildRecord {
  return {
    v: 1,
    source: {
      repository: 'https://example.org/example/app',
      commit: smallCommit,
      tree: 'b'.repeat(40),
      clean: true,
      committed: 1_700_000_000,
    },
    context: { path: '.', digest: sha256('context') as Digest, files: 3, bytes: 100 },
    containerfile: { path: 'Containerfile', digest: sha256('containerfile') as Digest, byDefault: true },
    ...plainRequest(),
    image: { manifest, config },
    rebuilds: { count: 1, matched: 1, independence: 'same-job' },
  }
}

/** A file of a tar. */
export function entry(path: string, text: string): TarEntry {
  const bytes = Buffer.from(text)
  const header: TarHeader = {
    path,
    type: 'file',
    mode: 0o644,
    uid: 0,
    gid: 0,
    uname: '',
    gname: '',
    size: bytes.length,
    mtime: 0,
    link: '',
    devMajor: 0,
    devMinor: 0,
    xattrs: {},
  }
  return { header, body: source(bytes) }
}

/** A ustar header for an empty file whose path a writer of ours would refuse. */
function rawEntry(path: string): Buffer {
  const block = Buffer.alloc(512)
  block.write(path, 0)
  block.write('0000644\0', 100)
  block.write('0000000\0', 108)
  block.write('0000000\0', 116)
  block.write('00000000000\0', 124)
  block.write('00000000000\0', 136)
  block.write('        ', 148)
  block.write('0', 156)
  block.write('ustar\x0000', 257)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}

async function* source(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}

async function bytesOf(stream: AsyncIterable<Uint8Array>): Promise<Buffer> {
  const chunks: Uint8Array[] = []
  for await (const chunk of stream) chunks.push(chunk)
  return Buffer.concat(chunks)
}

/** The encrypted form of a base, for a `kbs:` recipient whose key nobody keeps. */
export async function encryptedBase(store: Store, base: ChainBase, ports: Pick<Ports, 'random'>): Promise<ChainBase> {
  const image = await loadImage(store, base.subject.digest)
  const uri = 'kbs:///example/image-key/app'
  const kek = async (): Promise<{ wrapped: Buffer; iv: Buffer }> => ({
    wrapped: ports.random(48),
    iv: ports.random(12),
  })
  const plan = { target: store, recipients: [{ scheme: 'kbs', keyId: uri }], kek, random: ports.random } as const
  const made = await encryptImage(store, image, plan, { tag: 'encrypted' })
  const subject = made.descriptor
  const facts = {
    plain: { manifest: base.plain },
    encrypted: { manifest: subject.digest },
    config: image.configDigest,
    layers: made.layers,
    cipher: 'AES_256_CTR_HMAC_SHA256',
    recipients: [{ scheme: 'kbs', keyId: uri }],
  } as const
  const encrypt = event(
    'encrypt',
    [
      [roles.image, base.plain],
      [roles.config, image.configDigest],
    ],
    [[roles.image, subject.digest]],
    {
      recipients: [{ scheme: 'kbs', keyId: uri }],
      layers: made.layers.map(({ plain, encrypted }) => [plain, encrypted]),
    },
  )
  const about = { digest: subject.digest }
  return {
    ...base,
    subject,
    drafts: [...base.drafts, encrypt],
    payloads: [
      ...base.payloads.map(({ kind, payload }) => ({
        kind,
        payload: withSubject(payload, base.subject.digest, subject.digest),
      })),
      {
        kind: 'encryption',
        payload: makeStatement(
          'encryption',
          about,
          encryptionPredicate({ ...facts, layers: [...facts.layers], recipients: [...facts.recipients] }),
        ),
      },
    ],
  }
}

/** The same payload for another subject: the predicate's bytes stay as they are. */
function withSubject(payload: Buffer, from: Digest, to: Digest): Buffer {
  const text = payload.toString('utf8')
  const at = text.lastIndexOf(from.slice(7))
  return Buffer.from(text.slice(0, at) + to.slice(7) + text.slice(at + 64))
}
