import { mediaTypes } from '../../oci/types.ts'
import { archiveNotes } from '../content.ts'
import { signatureFindings } from '../forms.ts'
import {
  dockerLayers,
  indexFindings,
  layerFindings,
  missingFindings,
  ociLayers,
  ocicryptFindings,
  placeFindings,
  type Unpacker,
} from '../layers.ts'
import { judgeTag } from '../signatures.ts'
import type { Fact, Finding, ImageFacts, Question, Reader } from '../types.ts'

const plain = [...ociLayers, ...dockerLayers]

/** Docker Engine: no signatures since content trust went, no decryption (moby#43778), at most 125 layers (`layer/layer_store.go`). */
export const docker: Reader = {
  name: 'docker',
  version: '28',
  title: 'Docker Engine',
  source: 'moby v28 (layer/layer_store.go, moby#43778)',
  facts: [
    { says: 'verifies no signatures', from: 'moby v28' },
    { says: 'has no decryption: "invalid tar header"', from: 'moby#43778' },
    { says: 'stacks 125 layers', from: 'layer/layer_store.go' },
  ],
  judge: (image) => pulled(image, { types: plain, decrypts: null, layers: { most: 125, why: 'max depth exceeded' } }),
}

/** containerd: signatures only by an image verifier plugin, decryption only with imgcrypt's `ctd-decoder`. */
export const containerd: Reader = {
  name: 'containerd',
  version: '2.1',
  title: 'containerd',
  source: 'containerd v2.1.9, imgcrypt v2',
  facts: [
    { says: 'verifies no signatures by itself; a plugin can (image-verifier)', from: 'docs/image-verification.md' },
    { says: 'decrypts with ctd-decoder of imgcrypt, if it is configured', from: 'containerd/imgcrypt' },
    { says: 'decrypts no tar+zstd: ctd-decoder gets no keys of it', from: 'a run of 2.1.9' },
  ],
  judge: (image) => [
    ...pulled(image, { types: plain, decrypts: [mediaTypes.layerTar, mediaTypes.layerGzip], layers: null }),
    ...ocicryptFindings(image, 'ctd-decoder'),
  ],
}

/** containers/storage with overlay (`drivers/overlay/overlay.go`). */
const library: Unpacker = { types: plain, decrypts: ociLayers, layers: { most: 500, why: 'overlay' } }

const libraryFacts: readonly Fact[] = [
  {
    says: 'verifies if policy.json has sigstoreSigned: the tag alone, of the manifest that runs, for the repository that is pulled; use-sigstore-attachments must be on',
    from: 'container-libs image/signature, container-libs#1153',
  },
  { says: 'SHA-256 for every kind of key', from: 'image/signature/internal/sigstore_payload.go' },
  { says: 'decrypts with a private key or a key provider that it is given', from: 'containers/ocicrypt' },
  { says: 'stacks 500 layers', from: 'storage/drivers/overlay' },
]

/** Programs over container-libs that unpack. Signatures count where `policy.json` has `sigstoreSigned`: that is asked with a key. */
function unpacks(name: string, version: string, title: string, source: string, where: string): Reader {
  return {
    name,
    version,
    title,
    source,
    facts: libraryFacts,
    judge: (image, question) => [
      ...pulled(image, library),
      ...ocicryptFindings(image, where),
      ...sigstoreSigned(image, question),
    ],
  }
}

export const podman = unpacks(
  'podman',
  '5',
  'Podman',
  'container-libs (2026-09), podman v5',
  'podman pull --decryption-key',
)
export const buildah = unpacks(
  'buildah',
  '1.43',
  'Buildah',
  'container-libs (2026-09), buildah v1.43',
  'buildah pull --decryption-key',
)
export const crio = unpacks(
  'cri-o',
  '1.36',
  'CRI-O',
  'container-libs (2026-09), cri-o v1.36',
  'decryption_keys_path of CRI-O',
)

/** Copies without unpacking: any layer, encrypted or not. */
export const skopeo: Reader = {
  name: 'skopeo',
  version: '1.22',
  title: 'skopeo copy',
  source: 'container-libs (2026-09), skopeo v1.22',
  facts: [
    { says: 'copies layers of any type, without opening them', from: 'a run of 1.9.3' },
    { says: 'verifies as Podman does, if policy.json says so', from: 'container-libs image/signature' },
  ],
  judge: (image, question) => [...missingFindings(image), ...sigstoreSigned(image, question)],
}

function pulled(image: ImageFacts, unpacker: Unpacker): Finding[] {
  return [
    ...placeFindings(image),
    ...missingFindings(image),
    ...indexFindings(image, false),
    ...layerFindings(image, unpacker),
    ...archiveNotes(image),
  ]
}

/**
 * `sigstoreSigned` of container-libs: the tag alone (container-libs#1153 is open), of the manifest that runs, not of the index; needs
 * `use-sigstore-attachments`. Without a signer nothing is asked: the default policy accepts anything.
 */
function sigstoreSigned({ imageSignatures, name }: ImageFacts, question: Question): Finding[] {
  if (question.key === null && question.identity === null) return []
  const claimed = {
    ...imageSignatures,
    tag: imageSignatures.tag.filter(({ claims }) => name === null || claims.dockerReference === name),
  }
  const [other] = imageSignatures.tag
  const found = signatureFindings(
    'tag',
    judgeTag(claimed.tag.length > 0 ? claimed : imageSignatures, question),
    imageSignatures,
  )
  if (claimed.tag.length > 0 || other === undefined || found.length > 0) return found
  return [
    {
      effect: 'fails',
      code: 'payload-identity',
      why: `every signature under the tag names another repository, as "${other.claims.dockerReference.slice(0, 200)}", not ${name ?? ''}`,
      remedy: 'Sign with identity set to the name that readers pull, or set signedIdentity in their policy.json.',
    },
  ]
}
