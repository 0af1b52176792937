import { gzipSync, zstdCompressSync } from 'node:zlib'
import { sha256 } from '../../src/base/streams.ts'
import type { Ports } from '../../src/base/ports.ts'
import { annotations, publicOptions } from '../../src/encrypt/options.ts'
import { packetBytes } from '../../src/encrypt/packet.ts'
import { toBase64 } from '../../src/encoding/base64.ts'
import { gatherImage } from '../../src/guests/gather.ts'
import type { Given } from '../../src/guests/programs/types.ts'
import { readers } from '../../src/guests/readers/table.ts'
import { readerName } from '../../src/guests/select.ts'
import { standingOf, type Finding, type ImageFacts, type Question, type Reader } from '../../src/guests/types.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Index, type Manifest, type Store } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { attachCosignSignature } from '../../src/sign/legacy.ts'
import { attachNotation } from '../../src/sign/notation/attach.ts'
import { writeNotation } from '../../src/sign/notation/write.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { simpleSigningPayload } from '../../src/sign/simple-signing.ts'
import { predicateTypes, type Signer } from '../../src/statement/types.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'
import { storeOf } from '../sign/fixtures.ts'
import { certified, type CertifiedSigner } from '../sign/notation/fixtures.ts'

/** One layer of a test image: its media type, and annotations. */
export interface LayerShape {
  type: string
  annotations?: Record<string, string>
}

export const gzip: LayerShape = { type: mediaTypes.layerGzip }
export const zstd: LayerShape = { type: mediaTypes.layerZstd }

/** Annotations of an encrypted layer whose key lies with a KBS; nobody can open it. */
export function kbsKeys(kid = 'kbs:///example/key/app', name: string = annotations.provider): Record<string, string> {
  const packet = packetBytes({ kid, wrapped: Buffer.alloc(48), iv: Buffer.alloc(12) })
  return { [annotations.publicOptions]: publicOptions(Buffer.alloc(32)), [name]: toBase64(packet) }
}

/** Puts an image with layers of some media types. `seed` makes it another one. */
export async function putShape(store: Store, tag: string, layers: readonly LayerShape[] = [gzip]): Promise<Descriptor> {
  const tar = Buffer.alloc(1024)
  const put = async (bytes: Buffer, mediaType: string): Promise<Descriptor> => ({
    mediaType,
    ...(await store.putBlob({ bytes })),
  })
  const descriptors: Descriptor[] = []
  for (const { type, annotations: given } of layers) {
    const bytes = type.includes('gzip') ? gzipSync(tar) : type.includes('zstd') ? zstdCompressSync(tar) : tar
    descriptors.push({ ...(await put(bytes, type)), ...(given === undefined ? {} : { annotations: given }) })
  }
  const config = {
    architecture: 'amd64',
    os: 'linux',
    config: { Labels: { seed: tag } },
    rootfs: { type: 'layers', diff_ids: layers.map(() => sha256(tar)) },
  }
  const manifest: Manifest = {
    schemaVersion: 2,
    mediaType: mediaTypes.manifest,
    config: await put(Buffer.from(JSON.stringify(config)), mediaTypes.config),
    layers: descriptors,
  }
  return store.putManifest(manifestBytes(manifest), mediaTypes.manifest, { tag })
}

/** Puts an index over images, each with the platform linux/amd64 or with none. */
export async function putIndex(
  store: Store,
  tag: string,
  children: readonly { image: Descriptor; architecture: string | null }[],
): Promise<Descriptor> {
  const index: Index = {
    schemaVersion: 2,
    mediaType: mediaTypes.index,
    manifests: children.map(({ image: { mediaType, digest, size }, architecture }) => ({
      ...{ mediaType, digest, size },
      ...(architecture === null ? {} : { platform: { os: 'linux', architecture } }),
    })),
  }
  return store.putManifest(manifestBytes(index), mediaTypes.index, { tag })
}

/** Signs under the tag. @param dockerReference default: where the image lies; @param digest default: the image's */
export async function signTag(
  store: Store,
  image: Descriptor,
  signer: Signer,
  { dockerReference = store.identity, digest = image.digest } = {},
): Promise<void> {
  const payload = simpleSigningPayload({ dockerReference, digest })
  await attachCosignSignature(store, image, [{ payload, signature: await signer.sign(payload) }])
}

/** Signs with a bundle as referrer. @param digest of the statement's subject; default: the image's */
export async function signBundle(
  store: Store,
  image: Descriptor,
  signer: Signer,
  digest = image.digest,
): Promise<void> {
  const envelope = await signEnvelope(looseStatement('sign', { name: store.identity, digest }, {}), signer)
  await attachBundle(store, image, makeBundle(envelope, signer.hint), predicateTypes.sign)
}

export async function signNotation(
  store: Store,
  image: Descriptor,
  by: CertifiedSigner = certified(),
  format: 'cose' | 'jws' = 'cose',
): Promise<void> {
  const request = { target: image, chain: by.chain, signer: by.signer, signingTime: new Date() }
  await attachNotation(store, image, await writeNotation(request, format), format)
}

export const nobody: Question = { key: null, identity: null, authorities: [], kbs: null, now: new Date() }

/** A question about the key of a signer. */
export function keyOf(signer: Signer): Question {
  return { ...nobody, key: loadPublicKey(signer.publicKeyPem), now: new Date() }
}

export const givenNothing: Given = { publicKey: null, identity: null, trustedRoot: null, trustStore: [], pull: false }

/** A layout with one image, judged as if it were pulled from a registry. */
export const pullName = 'registry.example.org/team/app'

export function layout(ports: Ports): Store {
  return storeOf(`oci:${ports.roots.cwd}/layout`, ports)
}

/** Facts of a tag in that layout, under the name of a registry. */
export async function factsOf(ports: Ports, tag: string, name: string | null = pullName): Promise<ImageFacts> {
  const options = { platform: 'linux/amd64', pullName: name }
  return gatherImage(`oci:${ports.roots.cwd}/layout:${tag}`, options, ports)
}

export function reader(name: string): Reader {
  const found = readers.find((one) => readerName(one) === name)
  if (found === undefined) throw new Error(`no reader ${name}`)
  return found
}

/** Codes of what keeps a reader from an image, and how it stands. */
export function judged(name: string, image: ImageFacts, question: Question): string {
  const findings = reader(name).judge(image, question)
  const codes = findings.filter(({ effect }) => effect !== 'note').map(({ code }) => code)
  return [standingOf(findings), ...codes].join(' ')
}

export function faultsOf(name: string, image: ImageFacts, question: Question): Finding[] {
  return reader(name)
    .judge(image, question)
    .filter(({ effect }) => effect !== 'note')
}
