import type { HardwareTechnology } from '../../src/base/technology.ts'
import { isObject, type JsonObject, type JsonValue } from '../../src/base/json.ts'
import { attestationPolicy, checksOf } from '../../src/kbs/rego/attestation-policy.ts'
import { cannedEvidence } from '../../src/kbs/rego/canned-evidence.ts'
import { resourcePolicy } from '../../src/kbs/rego/resource-policy.ts'
import { tryOnInput } from '../../src/kbs/rego/trial.ts'
import { writeRego } from '../../src/kbs/rego/write.ts'
import { judge, judged } from '../../testkit/judge.ts'
import { withPeers } from '../../testkit/peers.ts'

const technologies: HardwareTechnology[] = ['snp', 'tdx', 'az-snp-vtpm', 'az-tdx-vtpm', 'tpm']

function registered(): Record<string, JsonValue> {
  const values: Record<string, JsonValue> = {}
  for (const { by } of technologies.flatMap(checksOf)) {
    if ('list' in by) values[by.list] = [`${by.list}-a`, `${by.list}-b`]
    else if ('value' in by) values[by.value] = by.value.includes('abi') ? 1 : true
  }
  return values
}

withPeers(['sealwright-judge'], 'regorus, with which Trustee evaluates, judges every canned claim as we do', () => {
  const policy = writeRego(attestationPolicy(technologies))
  const values = registered()
  const cases = cannedEvidence(technologies, values)
  const answers = judge(
    'rego',
    cases.map(({ claims }) => ({ policy, rule: 'data.policy.trust_claims', input: claims, values })),
  )
  const good = { executables: 3, hardware: 2, configuration: 2 }
  for (const [n, { what, affirmed }] of cases.entries()) {
    const found = judged(answers[n] ?? {})
    if (affirmed) expect([what, found]).toEqual([what, good])
    else expect([what, found]).not.toEqual([what, good])
  }
  expect(cases.length).toBeGreaterThan(80)
  return Promise.resolve()
})

/** Where a proposal to Trustee (pull request 1358, not merged on 2026-08-21) repeats the claims of SNP, below `snp.evidence`. */
const detailed: Readonly<Record<string, readonly string[]>> = {
  measurement: ['measurement'],
  reported_tcb_bootloader: ['reported_tcb', 'bootloader'],
  reported_tcb_microcode: ['reported_tcb', 'microcode'],
  reported_tcb_snp: ['reported_tcb', 'snp'],
  reported_tcb_tee: ['reported_tcb', 'tee'],
  policy_debug_allowed: ['policy', 'debug_allowed'],
  policy_migrate_ma: ['policy', 'migrate_ma_allowed'],
  platform_smt_enabled: ['plat_info', 'smt_enabled'],
  platform_tsme_enabled: ['plat_info', 'tsme_enabled'],
  policy_abi_major: ['policy', 'abi_major'],
  policy_abi_minor: ['policy', 'abi_minor'],
  policy_single_socket: ['policy', 'single_socket_required'],
  policy_smt_allowed: ['policy', 'smt_allowed'],
}

/** The claims as the proposal writes them: flat as before, and once more below `evidence`. */
function bothForms(flat: JsonObject): JsonObject {
  const evidence: JsonObject = {}
  for (const [name, [part = '', member]] of Object.entries(detailed)) {
    const value = flat[name]
    if (value === undefined) continue
    const inner = evidence[part]
    evidence[part] = member === undefined ? value : { ...(isObject(inner) ? inner : {}), [member]: value }
  }
  return { ...flat, generation: 'genoa', evidence }
}

test('every claim of SNP that the policy reads has a place in the detailed form', () => {
  expect(
    checksOf('snp')
      .map(({ path }) => path.join('.'))
      .sort(),
  ).toEqual(Object.keys(detailed).sort())
})

withPeers(
  ['sealwright-judge'],
  'detailed claims beside the flat ones change no verdict; alone they affirm nothing',
  () => {
    const policy = writeRego(attestationPolicy(['snp']))
    const values = registered()
    const cases = cannedEvidence(['snp'], values).flatMap(({ what, claims, affirmed }) => {
      const { snp } = claims
      if (!isObject(snp)) return []
      const both = bothForms(snp)
      const { evidence } = both
      if (!isObject(evidence)) throw new Error(what)
      return [
        { what: `${what}, both forms`, claims: { snp: both }, affirmed },
        { what: `${what}, detailed alone`, claims: { snp: { evidence } }, affirmed: false },
      ]
    })
    const answers = judge(
      'rego',
      cases.map(({ claims }) => ({ policy, rule: 'data.policy.trust_claims', input: claims, values })),
    )
    const good = { executables: 3, hardware: 2, configuration: 2 }
    for (const [n, { what, claims, affirmed }] of cases.entries()) {
      const ours = tryOnInput(policy, { input: claims, data: {}, values }).values['trust_claims']
      expect([what, judged(answers[n] ?? {})]).toEqual([what, ours])
      if (affirmed) expect([what, ours]).toEqual([what, good])
      else expect([what, ours]).not.toEqual([what, good])
    }
    expect(cases.length).toBeGreaterThan(50)
    return Promise.resolve()
  },
)

withPeers(
  ['sealwright-judge'],
  'a token inside of a trust context (pull request 1226, not merged on 2026-08-21) gets nothing by a generated resource policy',
  () => {
    const measurement = 'ab'.repeat(48)
    const uri = 'kbs:///a/b/c'
    const rules = [
      { uri, admit: [{ technology: 'snp' as const, measurements: [measurement], initdata: [] }], job: null },
    ]
    const policy = writeRego(resourcePolicy(rules))
    const cpu0 = { 'ear.status': 'affirming', 'ear.veraison.annotated-evidence': { snp: { measurement } } }
    const token: JsonObject = { submods: { cpu0 } }
    const summary = { tee_type: ['snp'], verification_result: true, claims: token }
    const wrapped: JsonObject = { trust_context: { attestation_summary: summary, custom_claims: token } }
    const data = { plugin: 'resource', 'resource-path': ['a', 'b', 'c'], query: {} }
    const inputs = [token, wrapped]
    const answers = judge(
      'rego',
      inputs.map((input) => ({ policy, rule: 'data.policy.allow', input, data })),
    )
    expect(answers.map((one) => judged(one))).toEqual([true, false])
    expect(inputs.map((input) => tryOnInput(policy, { input, data, values: {} }).values['allow'])).toEqual([
      true,
      false,
    ])
    return Promise.resolve()
  },
)
