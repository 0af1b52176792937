import type { HardwareTechnology } from '../../src/base/technology.ts'
import type { JsonObject, JsonValue } from '../../src/base/json.ts'
import { attestationPolicy, checksOf, type Check } from '../../src/kbs/rego/attestation-policy.ts'
import type { Module } from '../../src/kbs/rego/ast.ts'
import { cannedCases } from '../../src/kbs/rego/canned.ts'
import { evaluateRule } from '../../src/kbs/rego/evaluate.ts'
import { parseRego } from '../../src/kbs/rego/parse.ts'
import { resourcePolicy, type ResourceRule } from '../../src/kbs/rego/resource-policy.ts'
import { embeddedAttestationPolicy, sampleReferenceValues } from '../../src/kbs/rego/sample-policy.ts'
import { writeRego } from '../../src/kbs/rego/write.ts'
import { judge, judged } from '../../testkit/judge.ts'
import { withPeers } from '../../testkit/peers.ts'

interface Question {
  policy: string
  rule: string
  input: JsonValue
  data?: JsonObject
  values?: JsonObject
}

/** Our values and those of regorus, which Trustee evaluates with. */
function both(questions: readonly Question[]): [JsonValue | undefined, JsonValue | undefined][] {
  const answers = judge(
    'rego',
    questions.map((one) => ({ ...one, rule: `data.policy.${one.rule}` })),
  )
  return questions.map(({ policy, rule, input, data, values = {} }, at) => [
    evaluateRule(parseRego(policy), rule, { input, data, referenceValue: (id) => values[id] ?? null }),
    judged(answers[at] ?? {}),
  ])
}

function expectAlike(questions: readonly Question[]): Set<string> {
  const results = both(questions)
  results.forEach(([ours, theirs], at) => expect([at, ours]).toEqual([at, theirs]))
  return new Set(results.map(([ours]) => JSON.stringify(ours)))
}

const job = {
  repositoryId: '4711',
  workflowRef: 'o/r/.github/workflows/p.yml@refs/heads/main',
  workflowSha: ['a'.repeat(40)],
  events: ['push', 'release'],
  refs: ['refs/heads/main'],
}
const technologies = ['snp', 'tdx', 'az-snp-vtpm', 'az-tdx-vtpm', 'tpm', 'sample'] as const
const rules: ResourceRule[] = technologies.map((technology, at) => ({
  uri: `kbs:///default/image-key/${technology}`,
  admit: [
    {
      technology,
      measurements: [technology === 'sample' ? 'abcde' : 'ab'.repeat(48), 'cd'.repeat(48)],
      initdata: at % 2 === 0 ? ['aGk='] : [],
    },
  ],
  job: at > 2 ? job : null,
}))

withPeers(['sealwright-judge'], 'generated resource policies: each canned token on each policy', () => {
  const cases = cannedCases(rules, true)
  const policies = [rules, rules.slice(0, 1), rules.slice(3)].map((some) => writeRego(resourcePolicy(some)))
  const values = expectAlike(
    policies.flatMap((policy) =>
      cases.map(({ input, path }) => ({
        policy,
        rule: 'allow',
        input,
        data: { plugin: 'resource', 'resource-path': path, query: {} },
      })),
    ),
  )
  expect(values).toEqual(new Set(['true', 'false']))
  return Promise.resolve()
})

const measured: readonly HardwareTechnology[] = ['snp', 'tdx', 'az-snp-vtpm', 'az-tdx-vtpm', 'tpm']
const nameOf = ({ by }: Check): string => ('list' in by ? by.list : 'value' in by ? by.value : '')
const referenceValue = ({ by }: Check): JsonValue => ('list' in by ? ['other', `of ${by.list}`] : 1)
const rightClaim = ({ by }: Check): JsonValue => ('is' in by ? by.is : 'list' in by ? `of ${by.list}` : 1)

function claims(checks: readonly Check[], wrong: number, value: JsonValue | undefined): JsonObject {
  const entries = checks.map((one, at) => [one.path, at === wrong ? value : rightClaim(one)] as const)
  return entries.reduce<JsonObject>(
    (whole, [path, claim]) => (claim === undefined ? whole : withClaim(whole, path, claim)),
    {},
  )
}

function withClaim(whole: JsonObject, [first = '', ...rest]: readonly string[], value: JsonValue): JsonObject {
  const inner = whole[first]
  const next =
    rest.length === 0
      ? value
      : withClaim(typeof inner === 'object' && inner !== null && !Array.isArray(inner) ? inner : {}, rest, value)
  return { ...whole, [first]: next }
}

withPeers(
  ['sealwright-judge'],
  'generated attestation policies: right claims, each claim wrong, missing, of another kind',
  () => {
    const whole = writeRego(attestationPolicy(measured))
    const questions = measured.flatMap((technology) => {
      const checks = checksOf(technology)
      const values = Object.fromEntries(checks.map((one) => [nameOf(one), referenceValue(one)]))
      const inputs = [
        claims(checks, -1, null),
        ...checks.flatMap((_, at) => ['other', null, undefined, 7].map((value) => claims(checks, at, value))),
      ]
      return [whole, writeRego(attestationPolicy([technology]))].flatMap((policy) =>
        inputs.flatMap((input) =>
          [values, {}].map((some) => ({ policy, rule: 'trust_claims', input: { [technology]: input }, values: some })),
        ),
      )
    })
    const values = expectAlike(questions)
    expect(values).toContain('{"executables":3,"hardware":2,"configuration":2}')
    expect(values).toContain('{"executables":33,"hardware":97,"configuration":36}')
    const embedded: Module = embeddedAttestationPolicy()
    const sample = { svn: '1', launch_digest: 'abcde', debug: false }
    for (const input of [sample, { ...sample, debug: true }, { ...sample, svn: '2' }, {}])
      expectAlike([
        {
          policy: writeRego(embedded),
          rule: 'trust_claims',
          input: { sample: input },
          values: { ...sampleReferenceValues },
        },
      ])
    return Promise.resolve()
  },
)

/** What users write, construct by construct. */
const policies = [
  'default allow = false\nallow if {\n  not any_other\n  count(input.submods) > 0\n}\nany_other if {\n  some _, one in input.submods\n  one["ear.status"] != "affirming"\n}',
  'plugin = data.plugin\nallow if {\n  plugin == "resource"\n  not input.submods.cpu0["ear.veraison.annotated-evidence"].sample\n}',
  'default allow := false\nallow if data["resource-path"][0] == "default"\nallow if data["resource-path"][1] in {"x", "y"}',
  'allow := "a" if input.missing\nelse := "b" if input.n > 3\nelse := "c"',
  'is_good(one) if one["ear.status"] == "affirming"\nallow if every _, one in input.submods {\n  is_good(one)\n}',
  'good contains name if some name, one in input.submods\nallow := [count(good), good]',
  'allow := [name | some name, one in input.submods; one["ear.status"] == "affirming"]',
  'allow := {name: status | some name, one in input.submods; status := one["ear.status"]}',
  'allow := {status | status := input.submods[_]["ear.status"]}',
  'allow if {\n  some i\n  input.list[i] == 2\n  i > 0\n}',
  'allow if input.submods[_]["ear.status"] == "warning"',
  'allow := sprintf("%s has %d of %v", [input.s, input.n, true])',
  'allow := concat("/", array.concat(data["resource-path"], [lower(input.s)]))',
  'allow if startswith(input.s, "Re")\nallow if endswith(input.s, `x`)',
  'double(x) := x * 2\nallow := double(input.n) + max(input.list) - min(input.list) % 2',
  'allow := split(input.s, "f")[1]',
  'allow := object.get(input, ["submods", "cpu0", "none"], "fallback")',
  'allow := object.union_n([{"a": 1}, {"a": {"b": 2}}, {"c": input.n}])',
  'allow if count({1, 2} - {2}) == 1\nallow if trim_prefix(input.s, "Re") == "x"',
  'allow := x if {\n  x = count(input.list)\n  x >= 3\n}',
].map((body) => `package policy\nimport rego.v1\n${body}\n`)

withPeers(['sealwright-judge'], 'constructs that users write', () => {
  const statuses = ['affirming', 'warning', null]
  const inputs = statuses.flatMap((status) => [
    {
      submods: {
        cpu0: { 'ear.status': status, 'ear.veraison.annotated-evidence': {} },
        gpu0: { 'ear.status': 'affirming' },
      },
      list: [1, 2, 3],
      n: 4,
      s: 'Reference',
    },
    {
      submods: { cpu0: { 'ear.status': status, 'ear.veraison.annotated-evidence': { sample: {} } } },
      list: [2],
      n: 0,
      s: 'x',
    },
  ])
  const data = { plugin: 'resource', 'resource-path': ['default', 'x', 'y'], query: {} }
  const values = expectAlike(
    policies.flatMap((policy) => inputs.map((input) => ({ policy, rule: 'allow', input, data }))),
  )
  expect(values.size).toBeGreaterThan(20)
  return Promise.resolve()
})
