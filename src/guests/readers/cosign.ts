import { cosignReads } from '../../oci/identity.ts'
import { signatureFindings } from '../forms.ts'
import { placeFindings } from '../layers.ts'
import { judgeBundles, judgeTag } from '../signatures.ts'
import { fails, note, type Finding, type ImageFacts, type Question, type Reader } from '../types.ts'

/** Layers under a tag, and bundles on an image, that cosign reads (`pkg/oci/remote`). */
const mostLayers = 1000

/** `cosign verify` of version 2 without `--new-bundle-format`: the tag alone. */
export const cosign2: Reader = {
  name: 'cosign',
  version: '2.5',
  title: 'cosign verify (2.x)',
  source: 'cosign v2.5.0',
  facts: [
    { says: 'reads the tag alone unless --new-bundle-format is given', from: 'a run of 2.5' },
    { says: 'reads 1000 layers of a tag', from: 'pkg/oci/remote' },
    { says: 'refuses a repository name of one character', from: 'a run of 2.5' },
  ],
  judge: (image, question) => [
    ...placeFindings(image),
    ...nameFindings(image),
    ...limitFindings(image),
    ...signatureFindings('tag', judgeTag(image.signatures, question), image.signatures),
  ],
}

/**
 * `cosign verify` of version 3: an image with a bundle that can be read is judged by its bundles alone, whoever made them; any other by the tag (seen
 * with 3.1.1: a stranger's bundle hides a good tag).
 */
export const cosign3: Reader = {
  name: 'cosign',
  version: '3.1',
  title: 'cosign verify (3.x)',
  source: 'cosign v3.1.3',
  facts: [
    {
      says: 'reads bundles alone if the image has one that can be read, whoever made it; otherwise the tag',
      from: 'a run of 3.1.1',
    },
    { says: 'takes any statement about the image by that signer for a signature', from: 'cmd/cosign/cli/verify' },
    { says: 'reads 1000 layers of a tag', from: 'pkg/oci/remote' },
  ],
  judge: (image, question) => [
    ...placeFindings(image),
    ...nameFindings(image),
    ...limitFindings(image),
    ...either(image, question),
  ],
}

export function either({ signatures }: ImageFacts, question: Question): Finding[] {
  const tag = judgeTag(signatures, question)
  if (!signatures.bundles.some(({ bundle }) => bundle !== null) && tag.there > 0)
    return signatureFindings('tag', tag, signatures)
  const found = signatureFindings('bundle', judgeBundles(signatures, question), signatures)
  const hidden = found.length > 0 && tag.good > 0
  return hidden ? [...found, note('signature-form', hiddenTag)] : found
}

const hiddenTag = 'the tag holds a signature that counts, but it does not look there: the image has a bundle'

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
