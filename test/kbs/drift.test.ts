import { existsSync } from 'node:fs'
import { readFile, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { HttpRequest } from '../../src/base/ports.ts'
import { openState } from '../../src/agent/state.ts'
import { door } from '../../src/actions/kbs-publish/main.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { sha256 } from '../../src/base/streams.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin, type KbsAdmin } from '../../src/kbs/client.ts'
import type { DriftFinding } from '../../src/kbs/drift.ts'
import { markerId } from '../../src/kbs/global-policy.ts'
import { managedId, readManaged } from '../../src/kbs/managed.ts'
import { withKbs } from '../../src/kbs-server/connect.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { findDrift } from '../../src/tasks/publish/drift.ts'
import { codeOf } from '../encrypt/support.ts'
import { storedText, storeInKbs } from '../../testkit/kbs-stored.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { runInProcess } from '../../testkit/in-process.ts'
import { AgentDouble } from '../../testkit/task-agent.ts'

// What `kbs drift` says of a KBS after it was published to, and after somebody touched it.

const a = 'kbs:///team/secret/a'
const b = 'kbs:///team/secret/b'
const admit = `admit: [{technology: snp, measurements: [${'aa'.repeat(48)}]}]`
const entry = (uri: string): string => `  - {uri: "${uri}", source: agent, ${admit}}`
const values = 'reference-values: {my_value: [x]}'
const both = `${values}\nresources:\n${entry(a)}\n${entry(b)}`
const keys = 'kbs:///team/image-key/app-{digest}'

interface Place {
  readonly directory: string
  readonly admin: KbsAdmin
  /** @param job folder of the job; a new one by default */
  publish(plan: string, held?: readonly string[], job?: string): Promise<ActionResult>
  /** @param key credential; the KBS's own by default */
  drift(plan: string, key?: string): Promise<DriftFinding[]>
  close(): Promise<void>
}

/** A KBS that runs by itself, as another product's would. */
async function place(): Promise<Place> {
  const ports = testPorts()
  const directory = scratch('drift')
  const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
  const pem = kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }).toString()
  const planFile = async (plan: string): Promise<string> => {
    const path = join(scratch('plan'), 'plan.yml')
    await writeFile(path, `version: 1\n${plan}\n`)
    return path
  }
  return {
    directory,
    admin: kbsAdmin(kbs.url, adminToken(pem, ports.clock), ports),
    publish: async (plan, held = [a, b], state = scratch('job')) => {
      const agent = new AgentDouble(openState(join(state, 'agent'), ports), ports)
      for (const uri of held) agent.keks.create(uri, kbs.url, null)
      const given: Record<string, string> = {
        'kbs-url': kbs.url,
        'admin-key': join(directory, 'admin-key.pem'),
        plan: await planFile(plan),
        mode: 'apply',
      }
      const inputs = { given: (name: string) => given[name], defaults: {}, ports, confine: null }
      return door.run(rawInputs({ ...inputs, label: (name) => name }), {
        ports,
        state: { ...openState(join(state, 'state'), ports), agent: async () => agent.client },
      })
    },
    drift: async (plan, key = pem) => {
      const path = await planFile(plan)
      return withKbs(kbs.url, ports, (one) => findDrift({ kbs: one, adminKey: key, plan: path }, ports))
    },
    close: () => kbs.close(),
  }
}

const storedDigest = ({ directory }: Place): string => sha256(storedText(directory, 'resource-policy.rego'))

/** Names of what differs. */
const differing = (findings: DriftFinding[]): string[] =>
  findings.filter(({ standing }) => standing === 'drift').map(({ what }) => what)
const of = (findings: DriftFinding[], what: string): DriftFinding | undefined =>
  findings.find((one) => one.what === what)

describe('drift of a KBS', () => {
  let it: Place
  beforeEach(async () => {
    it = await place()
    await it.publish(`replace-global: first\n${both}`)
  })
  afterEach(() => it.close())

  test('there is none after a run, whoever asks, and what a KBS does not show is said', async () => {
    const findings = await it.drift(both)
    expect(differing(findings)).toEqual([])
    expect(findings.map(({ what }) => what)).toEqual([
      a,
      b,
      'resource policy',
      'reference value my_value',
      `${a} for sample evidence`,
      `${b} for sample evidence`,
    ])
    expect(of(findings, a)?.found).toContain('does not show whether its bytes still stand there')
    expect(of(findings, 'resource policy')?.found).toContain('what another tool uploaded since is not known')
  })

  test('a reference value that somebody changed, and one that is gone', async () => {
    await it.admin.setReferenceValue('my_value', ['y'])
    const found = of(await it.drift(both), 'reference value my_value')
    expect(found).toMatchObject({ standing: 'drift', found: 'is ["y"], planned is ["x"]' })
    const more = both.replace('[x]', '[x], other: [z]')
    expect(of(await it.drift(more), 'reference value other')).toMatchObject({ found: 'the KBS has none' })
  })

  test('a plan with another rule, one entry more and one less', async () => {
    expect(differing(await it.drift(both.replaceAll('aa', 'bb')))).toEqual(['resource policy'])
    const c = 'kbs:///team/secret/c'
    expect(differing(await it.drift(`${both}\n${entry(c)}`))).toEqual([c, 'resource policy'])
    const less = `retire: delete\nresources:\n${entry(b)}`
    expect(differing(await it.drift(less))).toEqual([`rule of ${a}`, a, 'reference value my_value', 'resource policy'])
  })

  test('a KBS that was emptied', async () => {
    storeInKbs(it.directory, 'reference-values.json', null)
    expect(differing(await it.drift(both))).toEqual([a, b, 'resource policy', 'reference value my_value'])
  })

  test('the mark of a policy that another job wrote, and of a key that is gone', async () => {
    await it.admin.setReferenceValue(markerId, sha256('another'))
    await it.admin.setReferenceValue('sealwright/resource/team/secret/a', null)
    const findings = await it.drift(both)
    expect(differing(findings)).toEqual([a, 'resource policy'])
    expect(of(findings, 'resource policy')?.found).toContain(sha256('another'))
  })

  test('a run that was cut off', async () => {
    const managed = await readManaged(it.admin)
    if (managed === null) throw new Error('the record is readable')
    expect(managed.unfinished).toBeNull()
    await it.admin.setReferenceValue(managedId, { ...managed, unfinished: 'default' })
    expect(differing(await it.drift(both))).toEqual(['record of plans'])
    await it.publish(`replace-global: first\n${both.replaceAll('agent', 'agent, overwrite: true')}`)
    expect(differing(await it.drift(both))).toEqual([])
  })

  test('an entry that another plan wrote, and who wrote it', async () => {
    const findings = await it.drift(`name: other\nresources:\n${entry(a)}`)
    expect(of(findings, a)).toMatchObject({ standing: 'drift', found: 'the plan "default" wrote it' })
    expect(of(findings, a)?.remedy).toContain('`name: default`')
  })

  test('each difference says what mends it, and what is the same needs nothing', async () => {
    await it.admin.setReferenceValue('my_value', ['y'])
    await it.admin.setReferenceValue(markerId, sha256('another'))
    const findings = await it.drift(`${both}\n${entry('kbs:///team/secret/c')}`)
    for (const { standing, remedy } of findings) expect(remedy === null).toBe(standing === 'same')
    expect(of(findings, 'resource policy')?.remedy).toContain(`replace-global: ${sha256('another')}`)
  })

  test('a policy that lets everybody in', async () => {
    await it.admin.setResourcePolicy('package policy\nimport rego.v1\ndefault allow := true\n')
    expect(differing(await it.drift(both))).toEqual([`${a} for sample evidence`, `${b} for sample evidence`])
  })

  test('is mended by the job that wrote the policy, which does not believe its memory', async () => {
    const [job, c] = [scratch('job'), 'kbs:///team/secret/c']
    const plan = `name: own\nreplace-global: ${storedDigest(it)}\nresources:\n${entry(c)}`
    await it.publish(plan, [c], job)
    await it.admin.setResourcePolicy('package policy\nimport rego.v1\ndefault allow := true\n')
    expect(differing(await it.drift(plan))).toEqual([`${c} for sample evidence`])
    expect((await it.publish(plan, [], job)).outputs['changed']).toBe('false')
    expect(differing(await it.drift(plan))).toEqual([])
  })

  test('a URI with a placeholder stands for what was written', async () => {
    const plan = `resources:\n${entry(keys)}`
    expect(differing(await it.drift(plan))).toContain(keys)
    const one = 'kbs:///team/image-key/app-00112233445566aa'
    await it.publish(`replace-global: ${storedDigest(it)}\n${plan}`, [one])
    const findings = await it.drift(plan)
    expect(differing(findings)).toEqual([])
    expect(of(findings, one)?.standing).toBe('same')
  })

  test('needs a credential, and a plan that kbs-publish would take', async () => {
    const ports = testPorts()
    const kbs = { url: it.admin.url, asUrl: null, embedded: null }
    const path = join(scratch('plan'), 'plan.yml')
    await writeFile(path, `version: 1\n${both}\n`)
    expect(await codeOf(findDrift({ kbs, adminKey: null, plan: path }, ports))).toBe('input-missing')
    const sample = both.replaceAll(/technology: snp, measurements: \[a+\]/g, 'technology: sample')
    expect(await codeOf(it.drift(sample))).toBe('policy-unsafe')
  })
})

test('a credential that may not read reference values is told what is not known', async () => {
  const it = await place()
  await it.publish(`replace-global: first\n${both}`)
  const base = testPorts()
  const path = join(scratch('plan'), 'plan.yml')
  await writeFile(path, `version: 1\n${both}\n${entry(keys)}\n`)
  const ports = {
    ...base,
    http: {
      ...base.http,
      request: async (url: string, options?: HttpRequest) =>
        url.includes('/reference-value/')
          ? new Response(JSON.stringify({ type: 'x/errors/AdminAuthAccess', detail: 'no' }), { status: 401 })
          : base.http.request(url, options),
    },
  }
  const pem = await readFile(join(it.directory, 'admin-key.pem'), 'utf8')
  const kbs = { url: it.admin.url, asUrl: null, embedded: null }
  const findings = await findDrift({ kbs, adminKey: pem, plan: path }, ports)
  await it.close()
  expect(differing(findings)).toEqual([])
  expect(findings.filter(({ standing }) => standing === 'unknown').map(({ what }) => what)).toEqual([
    keys,
    'record of plans',
    'resource policy',
    'reference value my_value',
  ])
})

describe('the command, on an embedded KBS', () => {
  test('refuses where the text of the policy is another one', async () => {
    const folder = scratch('embedded')
    const [kbs, plan] = [join(folder, 'kbs'), join(folder, 'plan.yml')]
    await writeFile(join(folder, 'secret'), 'the secret')
    const resource = `{uri: "${a}", source: "file:${join(folder, 'secret')}", admit: [{technology: sample}]}`
    await writeFile(plan, `version: 1\naccept-sample: true\nresources:\n  - ${resource}\n`)
    const run = async (...words: string[]): ReturnType<typeof runInProcess> => runInProcess(words, testPorts())
    await run('kbs-publish', '--kbs-url', `embedded:${kbs}`, '--plan', plan)
    const drift = (): ReturnType<typeof runInProcess> => run('kbs', 'drift', `embedded:${kbs}`, '--plan', plan)
    expect(await drift()).toMatchObject({ outcome: 'done', outputs: { drift: 'false' } })
    storeInKbs(kbs, 'resource-policy.rego', 'package policy\nimport rego.v1\ndefault allow := false\n')
    const { outcome, outputs } = await drift()
    expect(outcome).toMatch(/^refused/)
    expect(outputs['findings']).toContainEqual({
      what: 'resource policy',
      standing: 'drift',
      found: 'another text stands there',
      remedy: 'Find out who wrote it, then run kbs-publish with this plan and `mode: apply`.',
    })
    await run('kbs-publish', '--kbs-url', `embedded:${kbs}`, '--plan', plan)
    storeInKbs(kbs, 'resources/team/secret/a', null)
    storeInKbs(kbs, 'attestation-policies.json', JSON.stringify({ default_cpu: 'package policy\nimport rego.v1\n' }))
    expect((await drift()).outputs['findings']).toEqual([
      expect.objectContaining({ what: a, standing: 'drift', found: 'the KBS does not hold it' }),
      expect.objectContaining({ what: 'resource policy', standing: 'same' }),
      expect.objectContaining({ what: 'attestation policy default_cpu', found: 'another text stands there' }),
      expect.objectContaining({ what: 'reference value launch_digest', standing: 'same' }),
      expect.objectContaining({ what: 'reference value svn', standing: 'same' }),
    ])
    await run('kbs-publish', '--kbs-url', `embedded:${kbs}`, '--plan', plan)
    expect((await drift()).outcome).toBe('done')
  })

  test('a folder without a KBS is refused, and none is made there', async () => {
    const folder = scratch('embedded-none')
    const [kbs, plan] = [join(folder, 'kbs'), join(folder, 'plan.yml')]
    await writeFile(plan, 'version: 1\n')
    const asked = await runInProcess(['kbs', 'drift', `embedded:${kbs}`, '--plan', plan], testPorts())
    expect(asked.outcome).toContain('file-missing')
    expect(existsSync(kbs)).toBe(false)
    for (const url of ['embedded:', `embedded:/${kbs}`]) {
      const written = await runInProcess(['kbs-publish', '--kbs-url', url, '--plan', plan], testPorts())
      expect(written.outcome).toContain('input-invalid')
    }
  })
})
