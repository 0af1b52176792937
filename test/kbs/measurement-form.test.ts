import { measurementProblem, referenceProblem, claimForms } from '../../src/kbs/measurement-form.ts'
import { planSchema } from '../../src/kbs/plan-schema.ts'
import type { Technology } from '../../src/base/technology.ts'

const good = '7f51e17f72a04d5422cb2c00998166536019a217376f3aa45a630e59c805a599847ff250dbffcd07e1ba639771d6f05d'
const pcr = 'ab'.repeat(32)

function problems(technology: Technology, measurements: string[], references: Record<string, unknown> = {}): string[] {
  const parsed = planSchema.safeParse({
    version: 1,
    resources: [{ uri: 'kbs:///default/secret/1', source: 'env:S', admit: [{ technology, measurements }] }],
    'reference-values': references,
  })
  return parsed.success ? [] : parsed.error.issues.map(({ path, message }) => `${path.join('.')}: ${message}`)
}

test.each(['snp', 'tdx', 'az-snp-vtpm', 'az-tdx-vtpm'] as const)('%s has 96 lower-case hex digits', (technology) => {
  expect(problems(technology, [good])).toEqual([])
  expect(problems(technology, [good.toUpperCase(), 'abcd', pcr, `${good}0`, good.replace('7', 'g')])).toEqual(
    [0, 1, 2, 3, 4].map((n) => expect.stringContaining(`resources.0.admit.0.measurements.${n}: `) as string),
  )
})

test('a PCR has 64', () => {
  expect(problems('tpm', [pcr])).toEqual([])
  expect(problems('tpm', [good])).toHaveLength(1)
  expect(problems('tpm', [pcr.toUpperCase()])[0]).toContain(`Write ${pcr}`)
})

test('capital letters and 0x are refused with the form that matches', () => {
  for (const wrong of [good.toUpperCase(), `0x${good}`, `0X${good.toUpperCase()}`])
    expect(measurementProblem('snp', wrong)).toBe(
      `"${wrong}" never matches: snp has 96 lower-case hex digits. Write ${good}`,
    )
  expect(measurementProblem('snp', 'abcd')).not.toContain('Write')
  expect(measurementProblem('sample', 'abcde')).toBeNull()
})

test('reference values that are measurements', () => {
  expect(problems('snp', [good], { snp_launch_measurement: [good], tpm_pcr11: pcr, snp_bootloader: [4] })).toEqual([])
  expect(problems('snp', [good], { mr_td: [good, good.toUpperCase()], tdx_pcr11: [good] })).toEqual([
    `reference-values.mr_td: "${good.toUpperCase()}" never matches: mr_td has 96 lower-case hex digits. Write ${good}`,
    `reference-values.tdx_pcr11: "${good}" is not a measurement: tdx_pcr11 has 64 lower-case hex digits`,
  ])
  expect(referenceProblem('toString', ['AB'])).toBeNull()
})

test("the claims of Azure's SNP hold base64: the policy compares both", () => {
  expect(claimForms('az-snp-vtpm', [good])).toEqual([good, Buffer.from(good, 'hex').toString('base64')])
  expect(claimForms('snp', [good])).toEqual([good])
})
