import { makeTpm, tpmData } from '../../../testkit/tee/pki/tpm.ts'
import { tpmVerifier } from '../../../src/tee/verify/tpm/verifier.ts'
import { flip } from '../../../testkit/mutate.ts'
import { failedChecks } from '../../../testkit/tee/synthetic/case.ts'
import { factsJson } from '../../../src/tee/facts/json.ts'

const verdictOf = (options: Parameters<typeof makeTpm>[0], change: (area: Buffer) => Buffer) => {
  const { taken, context } = makeTpm(options)
  const area = change(Buffer.from(taken.documents['ak-tpmt'] ?? '', 'base64'))
  const documents = { ...taken.documents, 'ak-tpmt': area.toString('base64') }
  return tpmVerifier.verify({ ...taken, documents }, tpmData, context)
}
/** noDA, an attribute that an attestation key may have or not. */
const noDa = (area: Buffer): Buffer => flip(area, 6 * 8 + 2)

test('a public area whose Name a registrar vouches for is told, and no other is taken', () => {
  const facts = factsJson(verdictOf({}, (area) => area))
  expect(facts['akAttributes']).toContain('restricted')
  expect(facts['akName']).toMatch(/^000b[0-9a-f]{64}$/)
  expect(failedChecks(verdictOf({}, noDa))).toEqual(['ak-activation-keys', 'ak-trust'])
})

test('a public area that nothing proves is not told: anybody may have written its attributes', () => {
  for (const change of [(area: Buffer) => area, noDa]) {
    const verdict = verdictOf({ ak: {} }, change)
    const facts = factsJson(verdict)
    expect(verdict.status).toBe('verified')
    expect([facts['akAttributes'], facts['akName'], facts['akPrimaryUnder']]).toEqual([null, null, null])
  }
})
