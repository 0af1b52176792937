import type { HardwareTechnology } from '../../src/base/technology.ts'
import type { JsonValue } from '../../src/base/json.ts'
import { attestationPolicy, checksOf } from '../../src/kbs/rego/attestation-policy.ts'
import { cannedEvidence } from '../../src/kbs/rego/canned-evidence.ts'
import { writeRego } from '../../src/kbs/rego/write.ts'
import { judge, judged } from '../../testkit/judge.ts'
import { withPeers } from '../../testkit/peers.ts'

const technologies: HardwareTechnology[] = ['snp', 'tdx', 'az-snp-vtpm', 'az-tdx-vtpm', 'tpm']

withPeers(['sealwright-judge'], 'regorus, with which Trustee evaluates, judges every canned claim as we do', () => {
  const policy = writeRego(attestationPolicy(technologies))
  const values: Record<string, JsonValue> = {}
  for (const { by } of technologies.flatMap(checksOf)) {
    if ('list' in by) values[by.list] = [`${by.list}-a`, `${by.list}-b`]
    else if ('value' in by) values[by.value] = by.value.includes('abi') ? 1 : true
  }
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
