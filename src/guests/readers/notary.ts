import { signatureFindings } from '../forms.ts'
import { placeFindings } from '../layers.ts'
import { judgeNotaryProject } from '../signatures.ts'
import { fails, type Finding, type ImageFacts, type Question, type Reader } from '../types.ts'

/** Signatures that notation evaluates (`--max-signatures`). */
const mostSignatures = 100

/** `notation verify` with a trust policy of level strict. */
export const notation: Reader = {
  name: 'notation',
  version: '1.3',
  title: 'notation verify',
  source: 'notation v1.3.2',
  facts: [
    { says: 'reads Notary Project signatures (COSE or JWS) that are attached as referrers', from: 'a run of 1.3.2' },
    { says: 'evaluates 100 signatures', from: 'cmd/notation, --max-signatures' },
  ],
  judge,
}

/** Ratify 1 with a verifier of type notation. Its verifier of type cosign reads what its store lists, which is the tag only with `cosignEnabled`. */
export const ratify: Reader = {
  name: 'ratify',
  version: '1',
  title: 'Ratify (verifier notation)',
  source: 'ratify v1-dev 67eac43 (2025-06-30)',
  facts: [{ says: 'its verifier of type notation reads what notation reads', from: 'pkg/verifier/notation' }],
  judge,
}

function judge(image: ImageFacts, question: Question): Finding[] {
  const { signatures } = image
  return [
    ...placeFindings(image),
    ...(signatures.notation.length > mostSignatures
      ? [fails('limit', `the image has ${signatures.notation.length} signatures; it evaluates ${mostSignatures}`)]
      : []),
    ...signatureFindings('notation', judgeNotaryProject(signatures, question), signatures),
  ]
}
