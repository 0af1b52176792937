import { cosignReads } from '../../oci/identity.ts'
import { signatureFindings } from '../forms.ts'
import { placeFindings } from '../layers.ts'
import { judgeBundles, judgeTag } from '../signatures.ts'
import { fails, type Finding, type ImageFacts, type Question, type Reader } from '../types.ts'

/** Layers under a tag, and bundles on an image, that cosign reads (`pkg/oci/remote`). */
const mostLayers = 1000

/** `cosign verify` of version 2 without `--new-bundle-format`: the tag alone. */
export const cosign2: Reader = {
  name: 'cosign',
  version: '2.5',
  title: 'cosign verify (2.x)',
  source: 'cosign v2.5.0',
  verifies: true,
  judge: (image, question) => [
    ...placeFindings(image),
    ...nameFindings(image),
    ...limitFindings(image),
    ...signatureFindings('tag', judgeTag(image.signatures, question), image.signatures),
  ],
}

/** `cosign verify` of version 3: bundles first; where none verifies, quietly the tag (`cmd/cosign/cli/verify`). */
export const cosign3: Reader = {
  name: 'cosign',
  version: '3.1',
  title: 'cosign verify (3.x)',
  source: 'cosign v3.1.3',
  verifies: true,
  judge: (image, question) => [
    ...placeFindings(image),
    ...nameFindings(image),
    ...limitFindings(image),
    ...either(image, question),
  ],
}

function either({ signatures }: ImageFacts, question: Question): Finding[] {
  const bundle = judgeBundles(signatures, question)
  if (bundle.good > 0) return []
  const tag = judgeTag(signatures, question)
  if (tag.good > 0) return []
  return bundle.there > 0 || tag.there === 0
    ? signatureFindings('bundle', bundle, signatures)
    : signatureFindings('tag', tag, signatures)
}

/** cosign's parser of references refuses a repository name of one character. */
export function nameFindings({ name }: ImageFacts): Finding[] {
  if (name === null || cosignReads(name)) return []
  return [
    fails('name', `it cannot parse "${name}": the repository name has one character`, 'Publish under a longer name.'),
  ]
}

export function limitFindings({ signatures: { tagLayers } }: ImageFacts): Finding[] {
  if (tagLayers <= mostLayers) return []
  return [
    fails(
      'limit',
      `the tag holds ${tagLayers} signatures; it reads ${mostLayers}`,
      'Remove old signatures from the tag.',
    ),
  ]
}
