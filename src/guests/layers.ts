import { counted } from '../base/counted.ts'
import { isEncryptedType } from '../oci/descriptor.ts'
import { mediaTypes } from '../oci/types.ts'
import { fails, notChecked, note, type Finding, type ImageFacts } from './types.ts'

const nondistributable = 'application/vnd.oci.image.layer.nondistributable.v1.tar'
const docker = { tar: 'application/vnd.docker.image.rootfs.diff.tar', gzip: mediaTypes.dockerLayer } as const

/** Media types of layers that go by OCI's names (image-spec 1.1, layer.md). */
export const ociLayers: readonly string[] = [
  ...[mediaTypes.layerTar, mediaTypes.layerGzip, mediaTypes.layerZstd],
  ...[nondistributable, `${nondistributable}+gzip`, `${nondistributable}+zstd`],
]
export const dockerLayers: readonly string[] = [docker.tar, docker.gzip, `${docker.tar}.zstd`]

/** What an unpacker takes. */
export interface Unpacker {
  /** Media types of plain layers. */
  types: readonly string[]
  /** Media types before encryption of what it decrypts, or null where it has no decryption. */
  decrypts: readonly string[] | null
  /** Most layers of one image, and what sets that limit. */
  layers: { most: number; why: string } | null
}

/** Layers that an unpacker does not take, each kind of fault once. */
export function layerFindings({ image: { layers } }: ImageFacts, unpacker: Unpacker): Finding[] {
  const found: Finding[] = []
  const positions = (fit: (type: string) => boolean): [string, string] | null => {
    const at = layers.flatMap(({ mediaType }, index) => (fit(mediaType) ? [{ index, mediaType }] : []))
    return at[0] === undefined ? null : [layerText(at.map(({ index }) => index)), at[0].mediaType]
  }
  const unknown = positions((type) => !isEncryptedType(type) && !unpacker.types.includes(type))
  if (unknown !== null) {
    const [where, type] = unknown
    const remedy = type.endsWith('zstd')
      ? 'Recompress the image with gzip: skopeo copy --dest-compress-format gzip, or build with compression: gzip.'
      : 'Rebuild the image with layers of OCI media types.'
    found.push(fails('layer-type', `${where}: it does not unpack ${type}`, remedy))
  }
  const encrypted = positions(isEncryptedType)
  if (encrypted !== null && unpacker.decrypts === null) {
    const remedy = 'Publish an image without encryption for this reader.'
    found.push(fails('encrypted', `${encrypted[0]}: encrypted, and it has no decryption`, remedy))
  } else {
    const strange = positions((type) => isEncryptedType(type) && !opens(unpacker, type))
    if (strange !== null) found.push(cannotDecrypt(...strange))
  }
  if (unpacker.layers !== null && layers.length > unpacker.layers.most) {
    const { most, why } = unpacker.layers
    found.push(
      fails(
        'layer-count',
        `the image has ${layers.length} layers; it takes ${most} (${why})`,
        'Build with fewer layers.',
      ),
    )
  }
  return found
}

function opens({ decrypts }: Unpacker, type: string): boolean {
  return decrypts?.includes(type.slice(0, -mediaTypes.encryptedSuffix.length)) === true
}

function cannotDecrypt(where: string, type: string): Finding {
  const remedy = type.includes('zstd')
    ? 'Recompress with gzip before encrypt (skopeo copy --dest-compress-format gzip), then encrypt and sign again.'
    : 'Convert the image to OCI media types before encrypt (skopeo copy --format oci), then encrypt and sign again.'
  return fails('encryption-form', `${where}: it does not decrypt ${type}`, remedy)
}

/** Decryption with ocicrypt's keys: possible only where the node has them, which no image tells. */
export function ocicryptFindings({ encrypted }: ImageFacts, where: string): Finding[] {
  const [first] = encrypted
  if (first === undefined) return []
  const broken = encrypted.find(({ fault }) => fault !== null)
  if (broken !== undefined) return [badOptions(broken.index, broken.fault)]
  const forms = [...new Set(encrypted.flatMap(({ keys }) => keys))]
  if (forms.length === 0)
    return [fails('encryption-form', `layer ${first.index} is encrypted, but no key is wrapped for anybody`)]
  const ways = forms.map((form) =>
    form === 'provider' ? 'a key provider that unwraps its packets' : `a private key for ${form}`,
  )
  return [
    notChecked(
      'encrypted',
      `${layerText(encrypted.map(({ index }) => index))}: encrypted; ${where} needs ${ways.join(' or ')}`,
      'Configure ocicrypt there and pull once to try it.',
    ),
  ]
}

export function badOptions(index: number, fault: string | null): Finding {
  return fails('encryption-form', `layer ${index}: ${fault}`, 'Encrypt the image again.')
}

/** Where two children fit, readers differ; all who pull are told. */
export function indexFindings({ ambiguous, index, platform }: ImageFacts, needsPlatform: boolean): Finding[] {
  if (index === null) return []
  const found: Finding[] = []
  if (ambiguous !== null) {
    found.push(
      fails(
        'index-ambiguous',
        `the index has two images for ${platform.os}/${platform.architecture}, ${ambiguous[0].slice(0, 19)}… and ${ambiguous[1].slice(0, 19)}…: which one is run depends on the reader`,
        'Publish an index with one image for each platform.',
      ),
    )
  }
  const named = index.some(
    (child) => child.platform?.os === platform.os && child.platform.architecture === platform.architecture,
  )
  if (needsPlatform && !named) {
    found.push(
      fails(
        'index-platform',
        `no entry of the index names the platform ${platform.os}/${platform.architecture}, and it takes none without`,
        'Write the platform into each entry of the index, or name the manifest by its digest.',
      ),
    )
  }
  return found
}

/** Blobs that whoever pulls will miss. */
export function missingFindings({ missing }: ImageFacts): Finding[] {
  const [first] = missing
  if (first === undefined) return []
  return [
    fails(
      'blob-missing',
      `${counted(missing.length, 'blob')} of the manifest ${missing.length === 1 ? 'is' : 'are'} not in the store: ${first}`,
      'Push the image again, or copy it whole.',
    ),
  ]
}

/** A layout is opened by programs on this machine only. */
export function placeFindings({ registry }: ImageFacts): Finding[] {
  return registry === null
    ? [note('registry', 'judged as if it were copied to a registry: this reader does not open a layout directory')]
    : []
}

function layerText(indexes: readonly number[]): string {
  const shown = indexes.slice(0, 5).join(', ')
  return `${indexes.length === 1 ? 'layer' : 'layers'} ${shown}${indexes.length > 5 ? ', …' : ''}`
}
