import type { HardwareTechnology } from '../../src/base/technology.ts'
import type { JsonValue } from '../../src/base/json.ts'
import { generatedAttestation } from '../../src/kbs/attestation.ts'
import { planSchema } from '../../src/kbs/plan-schema.ts'
import { literal, rule } from '../../src/kbs/rego/ast.ts'
import { attestationPolicy, checksOf, unfilled } from '../../src/kbs/rego/attestation-policy.ts'
import { trustClaimProblem, tryAttestationPolicy } from '../../src/kbs/rego/canned-evidence.ts'
import { parseRego } from '../../src/kbs/rego/parse.ts'
import { writeRego } from '../../src/kbs/rego/write.ts'

const technologies: HardwareTechnology[] = ['snp', 'tdx', 'az-snp-vtpm', 'az-tdx-vtpm', 'tpm']

/** Everything that the policy of a technology reads. */
function filled(...of: HardwareTechnology[]): Record<string, JsonValue> {
  const values: Record<string, JsonValue> = {}
  for (const { by } of of.flatMap(checksOf)) {
    if ('list' in by) values[by.list] = [`${by.list}-a`, `${by.list}-b`]
    else if ('value' in by) values[by.value] = by.value.includes('abi') ? 1 : true
  }
  return values
}

test.each(technologies)('%s: what is registered is affirmed, one other or missing claim is not', (technology) => {
  const module = attestationPolicy([technology])
  expect(tryAttestationPolicy(module, [technology], filled(technology))).toBe(2 + 2 * checksOf(technology).length)
})

test('the text is read back as the same policy', () => {
  const module = attestationPolicy(technologies)
  expect(parseRego(writeRego(module))).toEqual(module)
})

test.each(technologies)('%s: a policy that leaves one check out is found out', (technology) => {
  for (const left of checksOf(technology)) {
    const module = attestationPolicy([technology])
    const without = module.rules.map((one) => ({
      ...one,
      body: one.body.filter(
        (statement) =>
          statement.kind !== 'compare' ||
          statement.left.kind !== 'ref' ||
          statement.left.path.slice(1).join('.') !== left.path.join('.'),
      ),
    }))
    const values = filled(technology)
    expect(() => tryAttestationPolicy({ rules: without }, [technology], values)).toThrow(
      expect.objectContaining({ code: 'policy-unsafe' }),
    )
  }
})

test('every name that the policy reads has to be filled, in the form in which it is compared', () => {
  const values = filled('snp')
  expect(unfilled(['snp'], values)).toEqual([])
  for (const name of Object.keys(values)) {
    const { [name]: _, ...others } = values
    expect(unfilled(['snp'], others)).toEqual([`${name} is missing: the policy for snp reads it`])
  }
  expect(unfilled(['snp'], { ...values, snp_bootloader: 3 })[0]).toContain('has to be a list')
  expect(unfilled(['snp'], { ...values, snp_bootloader: [] })[0]).toContain('is an empty list')
  expect(unfilled(['snp'], { ...values, snp_smt_enabled: [true] })[0]).toContain('has to be one value')
})

const snp = 'aa'.repeat(48)
const plan = (values: Record<string, JsonValue>): ReturnType<typeof planSchema.parse> =>
  planSchema.parse({ version: 1, 'attestation-policy': 'generate', 'reference-values': values })

test('a plan whose values do not fill the policy is refused, by the names that are missing', () => {
  expect(() => generatedAttestation(plan({ snp_launch_measurement: [snp] }))).toThrow(
    expect.objectContaining({ code: 'file-invalid', message: expect.stringContaining('snp_bootloader is missing') }),
  )
  expect(() => generatedAttestation(plan({}))).toThrow(expect.objectContaining({ code: 'file-invalid' }))
})

test('the policy speaks of the technologies that the plan measures', () => {
  const { text, note } = generatedAttestation(plan({ ...filled('snp'), snp_launch_measurement: [snp] }))
  expect(text).toContain('input.snp.measurement in query_reference_value("snp_launch_measurement")')
  expect(text).not.toContain('tdx')
  expect(note).toContain('not probed live')
})

test.each([
  ['hardware', 258, 'has to be a whole number'],
  ['hardware', -129, 'has to be a whole number'],
  ['hardware', 2.5, 'has to be a whole number'],
  ['hardware', '2', 'has to be a whole number'],
  ['file_system', 2, 'no trust claim'],
])('a trust claim %s = %j is refused', (name, value, why) => {
  expect(trustClaimProblem(name, value)).toContain(why)
  const module = { rules: [rule('trust_claims', [], literal({ [name]: value }))] }
  expect(() => tryAttestationPolicy(module, ['tpm'], filled('tpm'))).toThrow(
    // A number that readers take differently is no number of Rego here.
    expect.objectContaining({ code: expect.stringMatching(/^policy-(unsafe|invalid)$/) }),
  )
})

test.each([2, 3, 33, 97, -128, 127, 0])('a trust claim of %j is in range', (value) => {
  expect(trustClaimProblem('executables', value)).toBeNull()
})
