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
import type { Finding, ImageFacts, Question, Reader } from '../types.ts'

const plain = [...ociLayers, ...dockerLayers]

/** Docker Engine: no signatures since content trust went, no decryption (moby#43778), at most 125 layers (`layer/layer_store.go`). */
export const docker: Reader = {
  name: 'docker',
  version: '28',
  title: 'Docker Engine',
  source: 'moby v28 (layer/layer_store.go, moby#43778)',
  verifies: false,
  judge: (image) => pulled(image, { types: plain, decrypts: null, layers: { most: 125, why: 'max depth exceeded' } }),
}

/** containerd: signatures only by an image verifier plugin, decryption only with imgcrypt's `ctd-decoder`. */
export const containerd: Reader = {
  name: 'containerd',
  version: '2.1',
  title: 'containerd',
  source: 'containerd v2.1.9, imgcrypt v2',
  verifies: false,
  judge: (image) => [
    ...pulled(image, { types: plain, decrypts: ociLayers, layers: null }),
    ...ocicryptFindings(image, 'ctd-decoder'),
  ],
}

/** containers/storage with overlay (`drivers/overlay/overlay.go`). */
const library: Unpacker = { types: plain, decrypts: ociLayers, layers: { most: 500, why: 'overlay' } }

/** Programs over container-libs that unpack. Signatures count where `policy.json` has `sigstoreSigned`: that is asked with a key. */
function unpacks(name: string, version: string, title: string, source: string, where: string): Reader {
  return {
    name,
    version,
    title,
    source,
    verifies: false,
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
  verifies: false,
  judge: (image, question) => [...missingFindings(image), ...sigstoreSigned(image, question)],
}

function pulled(image: ImageFacts, unpacker: Unpacker): Finding[] {
  return [
    ...placeFindings(image),
    ...missingFindings(image),
    ...indexFindings(image, false),
    ...layerFindings(image, unpacker),
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
