import { execFileSync } from 'node:child_process'
import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { evaluateRule } from '../../src/kbs/rego/evaluate.ts'
import { cannedCases, tryPolicy, type CannedCase } from '../../src/kbs/rego/canned.ts'
import { parseRego } from '../../src/kbs/rego/parse.ts'
import { otherRules, resourcePolicy, type ResourceRule } from '../../src/kbs/rego/resource-policy.ts'
import { embeddedAttestationPolicy } from '../../src/kbs/rego/sample-policy.ts'
import { writeRego } from '../../src/kbs/rego/write.ts'
import { checkReplacement, type Marker } from '../../src/kbs/global-policy.ts'
import { desiredState, parsePlan } from '../../src/kbs/plan.ts'
import { planSchema } from '../../src/kbs/plan-schema.ts'
import { peer, withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'

const rules: ResourceRule[] = [
  {
    uri: 'kbs:///default/image-key/app',
    admit: [{ technology: 'snp', measurements: ['aa'.repeat(48)], initdata: ['aGk='] }],
    job: null,
  },
  {
    uri: 'kbs:///default/image-key/two',
    admit: [
      { technology: 'az-snp-vtpm', measurements: ['bb'], initdata: [] },
      { technology: 'tdx', measurements: ['cc'], initdata: [] },
    ],
    job: null,
  },
  {
    uri: 'kbs:///default/image-key/demo',
    admit: [{ technology: 'sample', measurements: ['abcde'], initdata: [] }],
    job: null,
  },
  {
    uri: 'kbs:///ci/signing/key',
    admit: [{ technology: 'snp', measurements: ['dd'], initdata: [] }],
    job: {
      repositoryId: '4711',
      workflowRef: 'o/r/.github/workflows/p.yml@refs/heads/main',
      workflowSha: ['a'.repeat(40)],
      events: ['push'],
      refs: ['refs/heads/main'],
    },
  },
]

const decide = (text: string, one: CannedCase): boolean =>
  evaluateRule(parseRego(text), 'allow', {
    input: one.input,
    data: { plugin: 'resource', 'resource-path': one.path, query: {} },
  }) === true

describe('generated Rego', () => {
  const text = writeRego(resourcePolicy(rules))
  const cases = cannedCases(rules, true)

  test('text and syntax tree are the same thing', () => {
    expect(parseRego(text)).toEqual(resourcePolicy(rules))
    expect(parseRego(writeRego(embeddedAttestationPolicy()))).toEqual(embeddedAttestationPolicy())
  })

  test.each(cases.map((one) => [one.name, one] as const))('%s', (_name, one) => {
    expect(decide(text, one)).toBe(one.allow)
  })

  test('rules of other resources survive a new policy, old ones of the same do not', () => {
    const [first] = rules
    const changed: ResourceRule = {
      ...(first as ResourceRule),
      admit: [{ technology: 'snp', measurements: ['ee'], initdata: [] }],
    }
    const merged = writeRego(resourcePolicy([changed], otherRules(parseRego(text), [changed.uri])))
    expect(merged).not.toContain('aa'.repeat(48))
    expect(merged).toContain('"two"')
    expect(
      writeRego(
        resourcePolicy(
          rules,
          otherRules(
            parseRego(text),
            rules.map(({ uri }) => uri),
          ),
        ),
      ),
    ).toBe(text)
  })

  test('a policy that lets too much in is found before upload', () => {
    const open = parseRego(
      'package policy\nimport rego.v1\ndefault allow := false\nallow if data.plugin == "resource"\n',
    )
    expect(() => tryPolicy(open, cases)).toThrow(expect.objectContaining({ code: 'policy-unsafe' }))
    const closed = parseRego('package policy\nallow := false\n')
    expect(() => tryPolicy(closed, cases)).toThrow(expect.objectContaining({ code: 'policy-unsafe' }))
    const noSample = cannedCases(rules.slice(0, 1), false)
    expect(noSample.some(({ name }) => name.includes('sample evidence'))).toBe(true)
  })

  withPeers(['opa'], 'OPA gives the same decisions from the text', async () => {
    const directory = scratch('opa')
    mkdirSync(join(directory, 'p'))
    writeFileSync(join(directory, 'p/policy.rego'), text)
    for (const one of cases) {
      // OPA keeps the policy itself under data: the KBS's own data lies beside it.
      writeFileSync(join(directory, 'p/data.json'), JSON.stringify({ plugin: 'resource', 'resource-path': one.path }))
      writeFileSync(join(directory, 'input.json'), JSON.stringify(one.input))
      const out = execFileSync(peer('opa'), ['eval', '-d', 'p', '-i', 'input.json', '-f', 'raw', 'data.policy.allow'], {
        cwd: directory,
      })
      expect([one.name, out.toString().trim()]).toEqual([one.name, String(one.allow)])
    }
  })
})

describe('Rego that is not ours', () => {
  test.each([
    ['', 'package'],
    ['allow := true', 'package'],
    ['package policy\nallow { true }', '`if`'],
    ['package policy\nallow if {', 'expecting'],
    ['package policy\nallow if http.send({"url": "x"})', 'function http.send'],
    ['package policy\nimport data.x', 'rego.v1'],
    ['package other\nallow := true', 'package policy'],
    ['package policy\nallow := nosuch(1)', 'nosuch'],
    ['package policy\nallow if { input.x == 1.5 }', ''],
    [`package policy\nallow := ${'['.repeat(100)}`, 'deeply'],
  ])('%j is refused', (text, why) => {
    expect(() => parseRego(text)).toThrow(why)
  })

  test('conflicts and rules that need themselves', () => {
    const run = (body: string) => evaluateRule(parseRego(`package policy\n${body}`), 'allow', { input: {} })
    expect(() => run('allow := true\nallow := false\n')).toThrow('conflicts')
    expect(() => run('allow if other\nother if allow\n')).toThrow('itself')
    expect(run('allow if input.missing\n')).toBeUndefined()
  })
})

describe('plans', () => {
  const plan = (extra: object) =>
    planSchema.parse({
      version: 1,
      resources: [
        { uri: 'kbs:///a/b/c', source: 'agent', admit: [{ technology: 'snp', measurements: ['aa'.repeat(48)] }] },
      ],
      ...extra,
    })
  const sample = {
    resources: [{ uri: 'kbs:///a/b/c', source: 'agent', admit: [{ technology: 'sample', measurements: ['abcde'] }] }],
  }

  test('sample on a KBS that is not ours is refused, named or not; on our own only when named', () => {
    const unsafe = expect.objectContaining({ code: 'policy-unsafe' })
    expect(() => desiredState(plan(sample), { embedded: false, current: null })).toThrow(unsafe)
    expect(() => desiredState(plan({ ...sample, 'accept-sample': true }), { embedded: false, current: null })).toThrow(
      unsafe,
    )
    expect(() => desiredState(plan(sample), { embedded: true, current: null })).toThrow(unsafe)
    const done = desiredState(plan({ ...sample, 'accept-sample': true }), { embedded: true, current: null })
    expect(done.exceptions).toHaveLength(1)
    expect(done.referenceValues).toEqual({ launch_digest: ['abcde'], svn: ['1'] })
  })

  test('the global policy of others needs replace-global', () => {
    const next = `sha256:${'3'.repeat(64)}` as const
    const code = (value: object, marker: Marker, here: `sha256:${string}` | null = null) => {
      try {
        checkReplacement(plan(value), marker, here, next)
        return 'ok'
      } catch (error) {
        return (error as { code: string }).code
      }
    }
    const digest = `sha256:${'1'.repeat(64)}` as const
    expect([
      code({}, null),
      code({ 'replace-global': 'first' }, null),
      code({ 'replace-global': digest }, digest),
    ]).toEqual(['input-missing', 'ok', 'ok'])
    expect(code({ 'replace-global': `sha256:${'2'.repeat(64)}` }, digest)).toBe('state-conflict')
    expect(code({ 'replace-global': 'first' }, digest)).toBe('state-conflict')
    expect(code({ 'replace-global': 'first' }, next)).toBe('ok')
    // Where nothing was written, a digest is a lie; what stands on the KBS counts before what this job remembers.
    expect(code({ 'replace-global': digest }, null)).toBe('state-conflict')
    expect(code({ 'replace-global': digest }, digest, next)).toBe('ok')
    expect(code({ 'replace-global': next }, digest, next)).toBe('state-conflict')
    expect(code({}, digest)).toBe('input-missing')
    // A credential that may not read it: only this job's own memory is left.
    expect(code({ 'replace-global': digest }, 'unreadable')).toBe('ok')
    expect(code({ 'replace-global': 'first' }, 'unreadable', digest)).toBe('state-conflict')
  })

  test.each([
    ['version: 2', 'version'],
    ['version: 1\nextra: 1', 'extra'],
    ['version: 1\nresources: [{uri: "kbs:///a/b", source: agent, admit: []}]', 'uri'],
    ['version: 1\nappraisal-policies: []', 'line 2: appraisal-policies: must not be empty'],
    ['version: 1\nname: __proto__', 'line 2: name: is not a name'],
    ['version: 1\nreference-values: {sealwright/plans: {}}', 'is kept by kbs-publish itself'],
    ['version: 1\nversion: 1', 'the key "version" stands twice'],
    [
      `version: 1\nresources: [{uri: "kbs:///a/b/c", source: agent, kind: pipeline, admit: [{technology: snp, measurements: [${'aa'.repeat(48)}]}]}]`,
      'job',
    ],
  ])('%j is refused', async (text, why) => {
    await expect(parsePlan(text, 'plan.yml')).rejects.toThrow(why)
  })

  test('a refused plan names each wrong line in words', async () => {
    const text = [
      'version: 1',
      'resources:',
      '  - uri: kbs:///a/b',
      '    sorce: agent',
      '    admit:',
      '      - technology: snp',
      '      - technology: sgx',
      '        measurements: []',
      'acept-sample: true',
      'zzz: 1',
      '',
    ]
    await expect(parsePlan(text.join('\n'), 'plan.yml')).rejects.toMatchObject({
      code: 'file-invalid',
      message: [
        'the plan plan.yml is not valid:',
        '  line 3: resources.0.uri: write kbs:///repository/type/tag',
        '  line 3: resources.0.source: is missing',
        '  line 6: resources.0.admit.0.measurements: is missing',
        '  line 7: resources.0.admit.1.technology: write snp, tdx, az-snp-vtpm, az-tdx-vtpm, tpm or sample',
        '  line 8: resources.0.admit.1.measurements: must not be empty',
        '  line 4: resources.0.sorce: there is no such member',
        '  line 9: acept-sample: there is no such member',
        '  line 10: zzz: there is no such member',
      ].join('\n'),
    })
  })

  test('sample evidence needs no measurements, every other technology does', async () => {
    const text = (technology: string): string =>
      `version: 1\nresources: [{uri: "kbs:///a/b/c", source: agent, admit: [{technology: ${technology}}]}]\naccept-sample: true`
    const { resources } = await parsePlan(text('sample'), 'plan.yml')
    expect(resources[0]?.admit).toEqual([{ technology: 'sample', measurements: ['abcde'], initdata: [] }])
    for (const technology of ['snp', 'tdx', 'tpm', 'az-snp-vtpm', 'az-tdx-vtpm'])
      await expect(parsePlan(text(technology), 'plan.yml')).rejects.toThrow('measurements: is missing')
  })
})
