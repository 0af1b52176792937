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
  verifies: true,
  judge,
}

/** Ratify 1 with a verifier of type notation. Its verifier of type cosign reads what its store lists, which is the tag only with `cosignEnabled`. */
export const ratify: Reader = {
  name: 'ratify',
  version: '1',
  title: 'Ratify (verifier notation)',
  source: 'ratify v1-dev 67eac43 (2025-06-30)',
  verifies: true,
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
