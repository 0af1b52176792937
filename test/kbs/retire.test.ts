import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openState } from '../../src/agent/state.ts'
import { door } from '../../src/actions/kbs-publish/main.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import type { Ports } from '../../src/base/ports.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin, type KbsAdmin } from '../../src/kbs/client.ts'
import { managedId, nothingManaged, openLedger, readManaged, shareOf } from '../../src/kbs/managed.ts'
import { sampleGuest } from '../../src/kbs/keyed-attester.ts'
import { parsePlan } from '../../src/kbs/plan.ts'
import { rcarSession } from '../../src/kbs/rcar.ts'
import { parseKbsUri } from '../../src/kbs/uri.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { codeOf } from '../encrypt/support.ts'
import { storedText } from '../../testkit/kbs-stored.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { AgentDouble } from '../../testkit/task-agent.ts'

// Plans that end: what an earlier plan wrote and this one does not name is withdrawn.

const a = 'kbs:///team/secret/a'
const b = 'kbs:///team/secret/b'
const sample = 'admit: [{technology: sample}]'

interface Embedded {
  /** Runs a step on the embedded KBS: of a new job, or of the one with this state. */
  job(plan: string, mode?: string, place?: string): Promise<ActionResult>
  /** What a sample guest gets: the secret, or null. */
  guest(uri: string): Promise<string | null>
  /** Writes to the KBS until the run is killed. */
  writesLeft: number
  /** Called with the resource policy and the reference values that stand when bytes are written. */
  onResource: (policy: string, values: string) => void
  /** Called with both after each other write. */
  onStanding: (policy: string, values: string) => void
  /** Does something as the admin of the served KBS. */
  asAdmin<T>(use: (admin: KbsAdmin) => Promise<T>): Promise<T>
}

function embedded(): Embedded {
  const base = testPorts()
  const directory = scratch('kbs')
  const ports: Ports = {
    ...base,
    http: {
      ...base.http,
      request: async (url, options) => {
        const write = options?.method !== 'GET' && !/\/(auth|attest)$/.test(url)
        if (write && it.writesLeft-- <= 0) throw new Error('killed')
        const standing = (): [string, string] => [
          storedText(directory, 'resource-policy.rego'),
          storedText(directory, 'reference-values.json'),
        ]
        if (options?.method === 'POST' && url.includes('/resource/')) it.onResource(...standing())
        const answer = await base.http.request(url, options)
        if (/\/(resource-policy|reference-value)$/.test(url)) it.onStanding(...standing())
        return answer
      },
    },
  }
  const secret = join(scratch('secret'), 'value')
  const serve = async <T>(use: (url: string, pem: string) => Promise<T>): Promise<T> => {
    const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
    const pem = kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' })
    return use(kbs.url, pem.toString()).finally(() => kbs.close())
  }
  const it: Embedded = {
    writesLeft: Infinity,
    onResource: () => {},
    onStanding: () => {},
    job: async (plan, mode = 'apply', place = scratch('job')) => {
      await writeFile(secret, plan.includes('technology: snp') ? 'the narrow secret' : 'the secret')
      await writeFile(
        join(place, 'plan.yml'),
        `version: 1\naccept-sample: true\n${plan.replaceAll('SECRET', secret)}\n`,
      )
      const given: Record<string, string> = { 'kbs-url': `embedded:${directory}`, plan: join(place, 'plan.yml'), mode }
      const agent = new AgentDouble(openState(join(place, 'agent'), ports), ports)
      const inputs = { given: (name: string) => given[name], defaults: {}, ports, confine: null }
      return door.run(rawInputs({ ...inputs, label: (name) => name }), {
        ports,
        state: { ...openState(join(place, 'state'), ports), agent: async () => agent.client },
      })
    },
    guest: (uri) =>
      serve(async (url) => {
        const read = rcarSession(url, sampleGuest(), ports).resource(parseKbsUri(uri))
        return read.then(String, () => null)
      }),
    asAdmin: (use) => serve((url, pem) => use(kbsAdmin(url, adminToken(pem, ports.clock), ports))),
  }
  return it
}

const narrow = `resources:\n  - {uri: "${a}", source: "file:SECRET", admit: [{technology: snp, measurements: [${'aa'.repeat(48)}]}]}`
const entry = (uri: string, more = ''): string => `  - {uri: "${uri}", source: "file:SECRET", ${sample}${more}}`
const both = `resources:\n${entry(a)}\n${entry(b)}`
const onlyB = `resources:\n${entry(b)}`
const rows = ({ report }: ActionResult): unknown => report.tables[0]?.rows

describe('what a plan names no more', () => {
  test('is closed for guests, and its bytes stay', async () => {
    const kbs = embedded()
    await kbs.job(both)
    expect([await kbs.guest(a), await kbs.guest(b)]).toEqual(['the secret', 'the secret'])
    const planned = await kbs.job(onlyB, 'plan')
    expect(rows(planned)).toContainEqual([`rule of ${a}`, 'withdrawn'])
    expect(await kbs.guest(a)).toBe('the secret')
    const applied = await kbs.job(onlyB)
    expect(rows(applied)).toContainEqual([`rule of ${a}`, 'withdrawn'])
    expect([await kbs.guest(a), await kbs.guest(b)]).toEqual([null, 'the secret'])
    await kbs.job(`resources:\n  - {uri: "${a}", source: kept, ${sample}}\n${entry(b)}`)
    expect(await kbs.guest(a)).toBe('the secret')
  })

  test('is deleted with `retire: delete`, also when an earlier run kept it', async () => {
    const kbs = embedded()
    await kbs.job(both)
    await kbs.job(onlyB)
    const deleted = await kbs.job(`retire: delete\n${onlyB}`)
    expect(rows(deleted)).toContainEqual([a, 'withdrawn'])
    expect(deleted.outputs['changed']).toBe('true')
    expect(await kbs.asAdmin((admin) => admin.deleteResource(parseKbsUri(a)))).toBe(false)
    expect(rows(await kbs.job(`retire: delete\n${onlyB}`))).not.toContainEqual([a, 'withdrawn'])
  })

  test('an empty plan closes all', async () => {
    const kbs = embedded()
    await kbs.job(both)
    await kbs.job('resources: []')
    expect([await kbs.guest(a), await kbs.guest(b)]).toEqual([null, null])
  })

  test.each([
    ['empty', 'resources: []'],
    ['whose entries are past their `until`', `resources:\n${entry(a, ', until: "2020-01-01"')}`],
  ])('the same job twice with a plan %s: nothing is said to stand', async (_, nothing) => {
    const kbs = embedded()
    const job = scratch('job')
    expect((await kbs.job(both, 'apply', job)).outputs['resource-uris']).toBe(`${a}\n${b}`)
    expect((await kbs.job(nothing, 'apply', job)).outputs).toMatchObject({ changed: 'true', 'resource-uris': '' })
    const { outputs, report } = await kbs.job(nothing, 'apply', job)
    expect(outputs).toMatchObject({ changed: 'false', 'resource-uris': '' })
    expect(JSON.stringify(report)).not.toContain(a)
    expect([await kbs.guest(a), await kbs.guest(b)]).toEqual([null, null])
  })

  test('an entry past its `until` is closed, one on its last day is not', async () => {
    const kbs = embedded()
    await kbs.job(both)
    const today = testPorts().clock.now().toISOString().slice(0, 10)
    await kbs.job(`resources:\n${entry(a, `, until: "${today}"`)}\n${entry(b)}`)
    expect(await kbs.guest(a)).toBe('the secret')
    const { report } = await kbs.job(`resources:\n${entry(a, ', until: "2020-01-01"')}\n${entry(b)}`)
    expect(report.notes.join()).toContain(`${a} is past its \`until\` date`)
    expect([await kbs.guest(a), await kbs.guest(b)]).toEqual([null, 'the secret'])
  })

  test('of a reference value an empty list is left', async () => {
    const kbs = embedded()
    const value = (admin: KbsAdmin): Promise<unknown> => admin.referenceValue('my_value')
    await kbs.job(`reference-values: {my_value: [x]}\n${both}`)
    expect(await kbs.asAdmin(value)).toEqual(['x'])
    expect(rows(await kbs.job(both))).toContainEqual(['reference value my_value', 'withdrawn'])
    expect(await kbs.asAdmin(value)).toEqual([])
  })

  test('of another plan stays, and its paths are not taken', async () => {
    const kbs = embedded()
    await kbs.job(`name: one\nresources:\n${entry(a)}`)
    await kbs.job(`name: two\n${onlyB}`)
    expect([await kbs.guest(a), await kbs.guest(b)]).toEqual(['the secret', 'the secret'])
    await expect(kbs.job(`name: two\n${both}`)).rejects.toMatchObject({ code: 'state-conflict', subject: a })
    await expect(kbs.job(`name: two\n${both}`, 'plan')).rejects.toMatchObject({ code: 'state-conflict' })
  })
})

test('a value that another plan registered is not replaced: the guests of both would be judged by it', async () => {
  const kbs = embedded()
  const two = (value: string): string => `name: two\nreference-values: {tcb: [${value}]}\n${onlyB}`
  await kbs.job(`name: one\nreference-values: {tcb: [9]}\nresources:\n${entry(a)}`)
  for (const mode of ['plan', 'apply'])
    await expect(kbs.job(two('1'), mode)).rejects.toMatchObject({ code: 'state-conflict', subject: 'tcb' })
  await kbs.job(two('9'))
  // Neither may change it now, and it stays until the last one leaves it out.
  await expect(kbs.job(`name: one\nreference-values: {tcb: [1]}\nresources:\n${entry(a)}`)).rejects.toMatchObject({
    code: 'state-conflict',
  })
  await kbs.job(`name: one\nresources:\n${entry(a)}`)
  await kbs.job(two('1'))
  const value = (admin: KbsAdmin): Promise<unknown> => admin.referenceValue('tcb')
  expect(await kbs.asAdmin(value)).toEqual([1])
  await kbs.job(`name: two\n${onlyB}`)
  expect(await kbs.asAdmin(value)).toEqual([])
})

test('new bytes never stand under an earlier, wider rule', async () => {
  const kbs = embedded()
  await kbs.job(both)
  const seen: string[][] = []
  kbs.onResource = (text) => seen.push(['a', 'b'].filter((tag) => text.includes(`"${tag}"`)))
  await kbs.job(`${narrow}\n${entry(b)}`)
  // The rule of `a` changes and is closed meanwhile; the rule of `b` stays.
  expect(seen).toEqual([['b'], ['b']])
  expect([await kbs.guest(a), await kbs.guest(b)]).toEqual([null, 'the narrow secret'])
})

const tagsIn = (text: string): string => ['a', 'b'].filter((tag) => text.includes(`"${tag}"`)).join()
const svnIn = (text: string): string => /"svn":(\[[^\]]*\])/.exec(text)?.[1] ?? ''

test('new bytes never stand under the judgement of an earlier plan', async () => {
  const kbs = embedded()
  await kbs.job(both)
  const seen: string[] = []
  kbs.onResource = (policy, values) => seen.push(`${tagsIn(policy)} ${svnIn(values)}`)
  await kbs.job(`reference-values: {svn: ["2"]}\n${both}`)
  // The rules do not change, yet they would give the new bytes to evidence of svn 1, which counts no more.
  expect(seen).toEqual([' ["2"]', ' ["2"]'])
  expect([await kbs.guest(a), await kbs.guest(b)]).toEqual([null, null])
})

test('a new rule never stands under the judgement of an earlier plan', async () => {
  const kbs = embedded()
  await kbs.job(both)
  await kbs.job(onlyB)
  const seen = new Set<string>()
  kbs.onStanding = (policy, values) => seen.add(`${tagsIn(policy)} ${svnIn(values)}`)
  await kbs.job(`reference-values: {svn: ["2"]}\nresources:\n  - {uri: "${a}", source: kept, ${sample}}\n${entry(b)}`)
  expect([...seen].filter((one) => one.includes('a'))).toEqual(['a,b ["2"]'])
  expect(await kbs.guest(a)).toBeNull()
})

test('killed before each write in turn: no guest gets what the plan protects, and a second run ends in the planned state', async () => {
  let writes = 0
  for (let ended = false; !ended; writes += 1) {
    const kbs = embedded()
    await kbs.job(both)
    kbs.writesLeft = writes
    ended = await kbs.job(`retire: delete\n${narrow}`).then(
      () => true,
      () => false,
    )
    kbs.writesLeft = Infinity
    expect([null, 'the secret']).toContain(await kbs.guest(a))
    await kbs.job(`retire: delete\n${narrow}`)
    expect([await kbs.guest(a), await kbs.guest(b)]).toEqual([null, null])
    const managed = await kbs.asAdmin(readManaged)
    expect(managed?.plans['default']).toEqual({ resources: [a], rules: [a], values: [] })
    expect(await kbs.asAdmin((admin) => admin.deleteResource(parseKbsUri(b)))).toBe(false)
  }
  // The record, the closed policy, the bytes, the policy, the deletion and the record.
  expect(writes).toBeGreaterThan(6)
})

test('a reference value that somebody changed is written again', async () => {
  const kbs = embedded()
  const plan = `reference-values: {my_value: [x]}\n${both}`
  await kbs.job(plan)
  await kbs.asAdmin((admin) => admin.setReferenceValue('my_value', ['y']))
  await kbs.job(plan)
  expect(await kbs.asAdmin((admin) => admin.referenceValue('my_value'))).toEqual(['x'])
})

test('a record in another form is refused', async () => {
  const kbs = embedded()
  await kbs.asAdmin((admin) => admin.setReferenceValue(managedId, { v: 2 }))
  expect(await codeOf(kbs.job(both))).toBe('state-conflict')
})

test('of two writers the one that was overtaken stops before it opens anything', async () => {
  const plan = await parsePlan(`version: 1\nresources:\n  - {uri: "${a}", source: "env:X", ${sample}}`, 'plan')
  await embedded().asAdmin(async (admin) => {
    const open = (writer: string): ReturnType<typeof openLedger> =>
      openLedger(admin, nothingManaged, shareOf(plan, false), writer)
    const [one, two, late] = [open('one'), open('two'), open('late')]
    await one.claim()
    await expect(late.claim()).rejects.toMatchObject({ code: 'state-conflict' })
    await one.check()
    await admin.setReferenceValue(managedId, { ...nothingManaged })
    await two.claim()
    await expect(one.check()).rejects.toMatchObject({ code: 'state-conflict' })
    await expect(one.settle()).rejects.toMatchObject({ code: 'state-conflict' })
    await two.check()
    await two.settle()
    expect((await readManaged(admin))?.plans['default']?.rules).toEqual([a])
  })
})
