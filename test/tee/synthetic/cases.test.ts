import { failedChecks, type SyntheticCase } from '../../../testkit/tee/synthetic/case.ts'
import { azureCases, azureVerdict } from '../../../testkit/tee/synthetic/cases-azure.ts'
import { snpCases } from '../../../testkit/tee/synthetic/cases-snp.ts'
import { tdxCases } from '../../../testkit/tee/synthetic/cases-tdx.ts'
import { tpmCases } from '../../../testkit/tee/synthetic/cases-tpm.ts'
import { makeTpm, tpmData } from '../../../testkit/tee/pki/tpm.ts'
import { tpmVerifier } from '../../../src/tee/verify/tpm/verifier.ts'
import { factsJson } from '../../../src/tee/facts/json.ts'

// Synthetic: nothing here was ever made by AMD, Intel, Microsoft or a maker of TPMs.
const tables: Record<string, readonly SyntheticCase[]> = {
  snp: snpCases,
  tdx: tdxCases,
  tpm: tpmCases,
  'az-snp-vtpm': azureCases,
}

for (const [technology, cases] of Object.entries(tables)) {
  describe(`${technology}: one fault, one reason`, () => {
    test.each(cases.map((one) => [one.name, one] as const))(
      '%s',
      (_name, { expectedCheck, echoes = [], fact, run }) => {
        const verdict = run()
        expect(failedChecks(verdict).sort()).toEqual([expectedCheck, ...echoes].sort())
        expect(verdict.status).toBe('refused')
        if (fact !== undefined) expect(factsJson(verdict)[fact[0]]).toEqual(fact[1])
      },
    )

    test('each name stands once', () => {
      expect(new Set(cases.map(({ name }) => name)).size).toBe(cases.length)
    })
  })
}

test.each<[string, Parameters<typeof makeTpm>[0]]>([
  ['an EK certificate with an activation record', {}],
  ['a certificate of the attestation key', { ak: {} }],
  ['an EK certificate that names no TPM', { ek: { extensions: [] } }],
])('synthetic TPM: %s makes it hardware', (_what, options) => {
  const { taken, context } = makeTpm(options)
  const verdict = tpmVerifier.verify(taken, tpmData, context)
  expect(failedChecks(verdict)).toEqual([])
  expect(factsJson(verdict)['softwareTpm']).toBe(false)
})

test('synthetic Azure evidence without a fault verifies', () => {
  expect(failedChecks(azureVerdict({}))).toEqual([])
})

test('there are at least sixty cases, and each fails at the check that it is made for', () => {
  const counts = Object.entries(tables).map(([name, cases]) => `${name} ${cases.length}`)
  const total = Object.values(tables).reduce((sum, cases) => sum + cases.length, 0)
  process.stdout.write(`synthetic cases: ${total} (${counts.join(', ')})\n`)
  expect(total).toBeGreaterThanOrEqual(60)
})
