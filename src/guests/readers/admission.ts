import { signatureFindings } from '../forms.ts'
import { placeFindings } from '../layers.ts'
import { judgeBundles, judgeTag } from '../signatures.ts'
import { fails, note, type Finding, type ImageFacts, type Question, type Reader } from '../types.ts'
import { either, limitFindings, nameFindings } from './cosign.ts'

/** Kyverno `pkg/image/verifiers/cpol/cosign/sigstore.go`. */
const kyvernoLimits = { referrers: 50, bundleBytes: 10_000_000 } as const
const bundleType = 'application/vnd.dev.sigstore.bundle'

/** Rules `verifyImages` of a ClusterPolicy: `type: Cosign` reads the tag, `type: SigstoreBundle` the bundles. One of them suffices. */
export const kyverno: Reader = {
  name: 'kyverno',
  version: '1.19',
  title: 'Kyverno ClusterPolicy',
  source: 'kyverno 111e07b (2026-08-21)',
  facts: [
    { says: 'type: Cosign reads the tag, type: SigstoreBundle the bundles', from: 'pkg/image/verifiers/cpol/cosign' },
    {
      says: 'type: SigstoreBundle finds bundles by the artifact type that the registry lists',
      from: 'cpol/cosign/sigstore.go',
    },
    {
      says: 'type: SigstoreBundle fails over 50 referrers, for a bundle over 10 MB, and for any bundle that it cannot read',
      from: 'cpol/cosign/sigstore.go',
    },
  ],
  judge: (image, question) => [...placeFindings(image), ...nameFindings(image), ...clusterPolicy(image, question)],
}

function clusterPolicy(image: ImageFacts, question: Question): Finding[] {
  const { signatures } = image
  const tag = [...limitFindings(image), ...signatureFindings('tag', judgeTag(signatures, question), signatures)]
  const listed = {
    ...signatures,
    bundles: signatures.bundles.filter(({ artifactType }) => artifactType.startsWith(bundleType)),
  }
  const bundle = [...bundleLimits(image), ...signatureFindings('bundle', judgeBundles(listed, question), listed)]
  if (tag.length === 0)
    return [
      note(
        'signature-form',
        `a rule of type: Cosign reads it${bundle.length === 0 ? ', and one of type: SigstoreBundle' : ''}`,
      ),
    ]
  if (bundle.length === 0)
    return [note('signature-form', 'only a rule of type: SigstoreBundle reads it, not type: Cosign')]
  return signatures.bundles.length > 0 && signatures.tag.length === 0 ? bundle : tag
}

/** One bundle that cannot be read, or one referrer too many, and the whole rule fails. */
function bundleLimits({ signatures: { referrers, bundles } }: ImageFacts): Finding[] {
  const remedy = 'Let a rule of type: Cosign read the tag: sign-attest with `consumers: cosign2`.'
  if (referrers > kyvernoLimits.referrers)
    return [
      fails(
        'limit',
        `the image has ${referrers} referrers; type: SigstoreBundle takes ${kyvernoLimits.referrers}`,
        remedy,
      ),
    ]
  const large = bundles.find(({ size }) => size > kyvernoLimits.bundleBytes)
  if (large !== undefined)
    return [
      fails(
        'limit',
        `a bundle has ${large.size} bytes; type: SigstoreBundle takes ${kyvernoLimits.bundleBytes}`,
        remedy,
      ),
    ]
  const broken = bundles.find(({ fault }) => fault !== null)
  return broken === undefined
    ? []
    : [fails('limit', `a bundle cannot be read, and one is enough to fail: ${broken.fault}`, remedy)]
}

/** ImageValidatingPolicy: as cosign 3, if the image has any bundle, bundles alone are read (`pkg/image/verifiers/ivpol/cosign`). */
export const kyvernoIvp: Reader = {
  name: 'kyverno-ivp',
  version: '1.19',
  title: 'Kyverno ImageValidatingPolicy',
  source: 'kyverno 111e07b (2026-08-21)',
  facts: [
    {
      says: 'reads bundles alone if the image has one, otherwise the tag',
      from: 'pkg/image/verifiers/ivpol/cosign/verifier.go',
    },
  ],
  judge: (image, question) => [
    ...placeFindings(image),
    ...nameFindings(image),
    ...limitFindings(image),
    ...either(image, question),
  ],
}

/** ClusterImagePolicy: `signatureFormat: bundle` is for keyless authorities only (`pkg/webhook/validator.go`), and for attestations. */
export const policyController: Reader = {
  name: 'policy-controller',
  version: '0.13',
  title: 'Sigstore policy-controller',
  source: 'policy-controller v0.13.1',
  facts: [
    {
      says: 'image signatures are read from the tag alone; signatureFormat: bundle is for keyless attestations',
      from: 'pkg/webhook/validator.go, a run of its tester 0.13.1',
    },
  ],
  judge: (image, question) => [
    ...placeFindings(image),
    ...nameFindings(image),
    ...limitFindings(image),
    ...signatureFindings('tag', judgeTag(image.signatures, question), image.signatures),
  ],
}

/** Connaisseur's validator of type cosign: cosign 2 without bundles (`internal/validator/cosignvalidator`). */
export const connaisseur: Reader = {
  name: 'connaisseur',
  version: '3.10',
  title: 'Connaisseur',
  source: 'connaisseur 0c40cab (app 3.10.0, cosign v2.6.3)',
  facts: [
    { says: 'reads the tag alone: cosign 2 without bundles', from: 'internal/validator/cosignvalidator' },
    {
      says: 'a key that is not in a public log needs verifyInTransparencyLog: false and verifySCT: false',
      from: 'internal/validator/cosignvalidator',
    },
  ],
  judge: (image, question) => [
    ...placeFindings(image),
    ...nameFindings(image),
    ...httpFindings(image),
    ...limitFindings(image),
    ...signatureFindings('tag', judgeTag(image.signatures, question), image.signatures),
    ...tagOnlyNotes(image),
  ],
}

function httpFindings({ registry }: ImageFacts): Finding[] {
  if (registry?.loopback !== true) return []
  return [
    fails(
      'registry',
      `${registry.host} is the cluster's own machine when a cluster pulls`,
      'Publish under a name that the cluster resolves, or give --as HOST/NAME if it is copied there.',
    ),
  ]
}

function tagOnlyNotes({ signatures }: ImageFacts): Finding[] {
  if (signatures.tag.length === 0) return []
  return [
    note(
      'signature-form',
      'verifyInTransparencyLog: false and verifySCT: false are needed for a key that is not logged',
    ),
  ]
}
