import { randomBytes } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openState } from '../../src/agent/state.ts'
import { sha256 } from '../../src/base/streams.ts'
import { door } from '../../src/actions/kbs-publish/main.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { fillPlan } from '../../src/kbs/placeholders.ts'
import { parsePlan } from '../../src/kbs/plan.ts'
import { kbsAdmin, type KbsAdmin } from '../../src/kbs/client.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { codeOf } from '../encrypt/support.ts'
import { storedByKbs } from '../../testkit/kbs-stored.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { AgentDouble } from '../../testkit/task-agent.ts'

// Releases of one product, each published by a job of its own, on a KBS that is not embedded.

const admit = `admit: [{technology: snp, measurements: [${'aa'.repeat(48)}]}]`
const first = 'kbs:///team/image-key/one'
const second = 'kbs:///team/image-key/two'

interface Product {
  readonly admin: KbsAdmin
  /** Runs a job with a fresh state; its agent holds the keys of these URIs. */
  job(plan: string, keys?: readonly string[], mode?: string): Promise<ActionResult>
  policy(): Promise<string | null>
  /** SHA-256 of a resource; null for none. */
  resource(uri: string): Promise<string | null>
  close(): Promise<void>
}

async function product(): Promise<Product> {
  const ports = testPorts()
  const directory = scratch('releases')
  const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
  const file = (name: string): Buffer | null => storedByKbs(directory).get(name) ?? null
  const pem = kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }) as string
  let jobs = 0
  return {
    admin: kbsAdmin(kbs.url, adminToken(pem, ports.clock), ports),
    job: async (plan, keys = [], mode = 'apply') => {
      const place = scratch(`job-${++jobs}`)
      const agent = new AgentDouble(openState(join(place, 'agent'), ports), ports)
      for (const uri of keys) agent.keks.create(uri, kbs.url, null)
      await writeFile(join(place, 'plan.yml'), `version: 1\n${plan}\n`)
      const given: Record<string, string> = {
        'kbs-url': kbs.url,
        'admin-key': join(directory, 'admin-key.pem'),
        plan: join(place, 'plan.yml'),
        mode,
      }
      const inputs = { given: (name: string) => given[name], defaults: {}, ports, confine: null }
      return door.run(rawInputs({ ...inputs, label: (name) => name }), {
        ports,
        state: { ...openState(join(place, 'state'), ports), agent: async () => agent.client },
      })
    },
    policy: async () => file('resource-policy.rego')?.toString() ?? null,
    resource: async (uri) => {
      const bytes = file(`resources/${uri.slice('kbs:///'.length)}`)
      return bytes === null ? null : sha256(bytes)
    },
    close: () => kbs.close(),
  }
}

const resources = (...lines: string[]): string => `resources:\n${lines.map((line) => `  - {${line}}`).join('\n')}`
const one = `uri: "${first}", source: agent, ${admit}`
const keptOne = `uri: "${first}", source: kept, ${admit}`
const two = `uri: "${second}", source: agent, ${admit}`

test('a key that two entries stand for is refused: guests of both would get it', async () => {
  const key = 'kbs:///team/image-key/0123456789abcdef'
  const other = admit.replace('snp', 'tdx')
  const plan = await parsePlan(
    `version: 1\n${resources(`uri: "kbs:///team/image-key/{digest}", source: agent, ${admit}`, `uri: "kbs:///team/image-key/{run}", source: agent, ${other}`)}\n`,
    'plan.yml',
  )
  expect(() => fillPlan(plan, [key], '0123456789abcdef')).toThrow(`two entries stand for ${key}`)
})

describe('releases beside each other', () => {
  let it: Product
  let digest: string

  beforeEach(async () => {
    it = await product()
    await it.job(`replace-global: first\n${resources(one)}`, [first])
    digest = sha256((await it.policy()) ?? '')
  })
  afterEach(() => it.close())

  test('the second keeps rule and key of the first', async () => {
    const key = await it.resource(first)
    const { outputs, report } = await it.job(`replace-global: ${digest}\n${resources(keptOne, two)}`, [second])
    expect(outputs['changed']).toBe('true')
    expect(await it.resource(first)).toBe(key)
    expect(await it.resource(second)).not.toBeNull()
    const policy = (await it.policy()) ?? ''
    for (const name of ['"one"', '"two"']) expect(policy).toContain(name)
    expect(report.headline).toMatch(/^Published 1 key with policy/)
  })

  test('what the plan names no more is closed', async () => {
    await it.job(`replace-global: ${digest}\n${resources(two)}`, [second])
    expect(await it.policy()).not.toContain('"one"')
  })

  test.each([
    ['a lie', `sha256:${'0'.repeat(64)}`],
    ['first, once more', 'first'],
  ])('another job does not replace the policy by %s', async (_, named) => {
    const before = await it.policy()
    expect(await codeOf(it.job(`replace-global: ${named}\n${resources(keptOne, two)}`, [second]))).toBe(
      'state-conflict',
    )
    expect(await it.policy()).toBe(before)
    expect(await it.resource(second)).toBeNull()
  })

  test('a digest that was replaced since is stale', async () => {
    await it.job(`replace-global: ${digest}\n${resources(keptOne, two)}`, [second])
    const again = it.job(`replace-global: ${digest}\n${resources(two)}`, [second])
    expect(await codeOf(again)).toBe('state-conflict')
  })

  test('the same policy may be written again by any job', async () => {
    await it.job(`replace-global: ${digest}\n${resources(keptOne)}`)
    expect(sha256((await it.policy()) ?? '')).toBe(digest)
  })

  test('a run that was killed before the mark is repeated with the same plan', async () => {
    const plan = `replace-global: ${digest}\n${resources(keptOne, `${two}, overwrite: true`)}`
    await it.job(plan, [second])
    await it.admin.setReferenceValue('sealwright/resource-policy', digest)
    expect((await it.job(plan, [second])).outputs['changed']).toBe('true')
  })

  test('nothing is written where one of the keys is missing', async () => {
    const file = join(scratch('key'), 'key')
    await writeFile(file, randomBytes(32))
    const third = `uri: "kbs:///team/image-key/three", source: "file:${file}", ${admit}`
    const before = await it.policy()
    expect(await codeOf(it.job(`replace-global: ${digest}\n${resources(third, two)}`))).toBe('not-found')
    expect(await it.resource('kbs:///team/image-key/three')).toBeNull()
    expect(await it.policy()).toBe(before)
  })

  test('nothing is written where a file is missing or too large', async () => {
    const big = join(scratch('key'), 'big')
    await writeFile(big, Buffer.alloc((2 << 20) + 1))
    for (const [source, code] of [
      ['file:/nowhere/key', 'file-missing'],
      [`file:${big}`, 'file-invalid'],
    ]) {
      const bad = `uri: "kbs:///team/image-key/three", source: "${source}", ${admit}`
      expect(await codeOf(it.job(`replace-global: ${digest}\n${resources(two, bad)}`, [second]))).toBe(code)
      expect(await it.resource(second)).toBeNull()
    }
  })

  test('a KBS that was emptied is written again, after `first`', async () => {
    const wiped = await product()
    expect(await codeOf(wiped.job(`replace-global: ${digest}\n${resources(one)}`, [first]))).toBe('state-conflict')
    await wiped.job(`replace-global: first\n${resources(one)}`, [first])
    expect(await wiped.resource(first)).not.toBeNull()
    await wiped.close()
  })

  test('`plan` fails where `apply` would, and lists the rule that ends', async () => {
    const stale = `replace-global: first\n${resources(two)}`
    expect(await codeOf(it.job(stale, [second], 'plan'))).toBe('state-conflict')
    expect(await codeOf(it.job(resources(two), [second], 'plan'))).toBe('input-missing')
    const taken = `replace-global: ${digest}\n${resources(one)}`
    expect(await codeOf(it.job(taken, [first], 'plan'))).toBe('state-conflict')
    const { report } = await it.job(`replace-global: ${digest}\n${resources(two)}`, [second], 'plan')
    expect(report.tables[0]?.rows).toContainEqual([`rule of ${first}`, 'withdrawn'])
    expect(await it.resource(second)).toBeNull()
  })

  test('a fresh key does not take the path of the first', async () => {
    const key = await it.resource(first)
    const plan = `replace-global: ${digest}\n${resources(one)}`
    await expect(it.job(plan, [first])).rejects.toMatchObject({ code: 'state-conflict', subject: first })
    expect(await it.resource(first)).toBe(key)
    const leave = `resource-policy: leave\n${resources(`uri: "${first}", source: agent`)}`
    expect(await codeOf(it.job(leave, [first]))).toBe('state-conflict')
  })

  test('unless the plan says that it may', async () => {
    const key = await it.resource(first)
    await it.job(`replace-global: ${digest}\n${resources(`${one}, overwrite: true`)}`, [first])
    expect(await it.resource(first)).not.toBe(key)
  })

  test('a secret from a file is written again by any job', async () => {
    const file = join(scratch('key'), 'key')
    await writeFile(file, randomBytes(32))
    const third = `uri: "kbs:///team/image-key/three", source: "file:${file}", ${admit}`
    await it.job(`replace-global: ${digest}\n${resources(keptOne, third)}`)
    const next = sha256((await it.policy()) ?? '')
    await writeFile(file, randomBytes(32))
    const before = await it.resource('kbs:///team/image-key/three')
    await it.job(`replace-global: ${next}\n${resources(keptOne, third)}`)
    expect(await it.resource('kbs:///team/image-key/three')).not.toBe(before)
  })

  test('the policy is left to its owner', async () => {
    const before = await it.policy()
    const { report } = await it.job(`resource-policy: leave\n${resources(`uri: "${second}", source: agent`)}`, [second])
    expect(await it.resource(second)).not.toBeNull()
    expect(await it.policy()).toBe(before)
    expect(report.headline).toMatch(/^Published 1 key without policy/)
    expect(report.notes.join()).toMatch(/left to its owner/)
    expect(report.notes.join()).not.toMatch(/given only to evidence/)
  })

  test.each([
    ['rules', resources(one)],
    ['a rule for a kept resource', resources(`uri: "${first}", source: kept`)],
    ['a digest', `replace-global: first\n${resources(`uri: "${second}", source: agent`)}`],
  ])('%s beside a policy that is left are refused', async (_, plan) => {
    await expect(it.job(`resource-policy: leave\n${plan}`, [first])).rejects.toThrow('has no effect')
  })

  test('a rule needs to say who is admitted', async () => {
    await expect(it.job(resources(`uri: "${second}", source: agent`), [second])).rejects.toThrow('admit')
  })
})
