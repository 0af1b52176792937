import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { openState } from '../../src/agent/state.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { door } from '../../src/actions/kbs-publish/main.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import type { HttpRequest, Ports } from '../../src/base/ports.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { kbsAdmin } from '../../src/kbs/client.ts'
import { askForEar } from '../../src/kbs/passport.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { codeOf } from '../encrypt/support.ts'
import { fakeHttp, scratch, testPorts } from '../../testkit/ports.ts'
import { AgentDouble } from '../../testkit/task-agent.ts'

// What a run against a live Trustee showed (docs/trustee.md), replayed.

const uri = 'kbs:///default/image-key/app'
const json = { 'content-type': 'application/json' }

/** Ports whose network is one function. */
function net(answer: (url: string, request: HttpRequest) => Response): Ports {
  const request = async (url: string, options: HttpRequest = {}): Promise<Response> => answer(url, options)
  return { ...testPorts(), http: fakeHttp(request) }
}

async function publisher() {
  const ports = testPorts()
  const directory = scratch('kbs')
  const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
  // Only the open-admin probe and the protocol are the same here as on a KBS of others: reached by URL, it counts as one.
  const given = { 'kbs-url': kbs.url, 'admin-key': join(directory, 'admin-key.pem'), plan: join(directory, 'plan.yml') }
  /** An agent with the one key, made for this KBS; it is gone once it was published. */
  const agentWith = (): AgentDouble => {
    const agent = new AgentDouble(openState(join(directory, 'work'), ports), ports)
    agent.keks.create(uri, kbs.url, null)
    return agent
  }
  const run = (agent: AgentDouble, state: string, more: Record<string, string> = {}): Promise<ActionResult> => {
    const all: Record<string, string> = { ...given, ...more }
    const inputs = { given: (name: string) => all[name], defaults: { mode: 'apply' }, ports, confine: null }
    return door.run(rawInputs({ ...inputs, label: (name) => name }), {
      ports,
      state: { ...openState(state, ports), agent: async () => agent.client },
    })
  }
  const plan = (measurement: string, global = 'first'): Promise<void> =>
    writeFile(
      given.plan,
      `version: 1\nreplace-global: ${global}\nresources: [{uri: "${uri}", source: agent, admit: [{technology: snp, measurements: [${measurement}]}]}]\nreference-values: {object: {b: 1, a: 2}}\n`,
    )
  return { kbs, agentWith, run, plan, state: join(directory, 'job') }
}

describe('kbs-publish on a KBS of others, with the key from the agent', () => {
  test('the same plan again changes nothing, though the agent gave its key away and the plan says first', async () => {
    const { kbs, agentWith, run, plan, state } = await publisher()
    const agent = agentWith()
    await plan('aabb'.repeat(24))
    expect((await run(agent, state)).outputs['changed']).toBe('true')
    expect(agent.keks.uris()).toEqual([])
    expect((await run(agent, state)).outputs['changed']).toBe('false')
    await plan('ccdd'.repeat(24))
    expect(await codeOf(run(agent, state))).toBe('state-conflict')
    await kbs.close()
  })

  test('a key that this job wrote nowhere and does not hold is said', async () => {
    const { kbs, agentWith, run, plan, state } = await publisher()
    const agent = agentWith()
    await plan('aabb'.repeat(24))
    await run(agent, state)
    expect(await codeOf(run(agent, `${state}-other`))).toBe('not-found')
    await kbs.close()
  })

  test('an admin key that the KBS does not know: the remedy says what our tokens claim', async () => {
    const { kbs, agentWith, run, plan, state } = await publisher()
    await plan('aabb'.repeat(24))
    const other = await publisher()
    const key = join(other.state, '../admin-key.pem')
    await expect(run(agentWith(), state, { 'admin-key': key })).rejects.toMatchObject({
      code: 'unauthorized',
      remedy: expect.stringContaining('iss "sealwright"') as string,
    })
    await kbs.close()
    await other.kbs.close()
  })
})

test.each([
  ['{"a":{"c":[true],"d":null},"b":1}', 'resolved'],
  ['{"a":{"c":[true],"d":null},"b":2}', 'kbs-error'],
  ['null', 'kbs-error'],
])('a reference value that comes back as %s: %s', async (text, code) => {
  const ports = net((_, { method }) => new Response(method === 'GET' ? text : ''))
  const admin = kbsAdmin('http://127.0.0.1:1', adminToken('a.b.c', ports.clock), ports)
  expect(await codeOf(admin.setReferenceValue('object', { b: 1, a: { d: null, c: [true] } }))).toBe(code)
})

test.each([
  ['1: Verifier evaluate failed: Deserialize Quote failed.', 'evidence-invalid'],
  ['1: feature `snp-verifier` is not enabled for `verifier` crate.', 'kbs-error'],
  ['1: Policy `nope_cpu.rego` not found', 'kbs-error'],
])('an Attestation Service that says "%s" with a backtrace: %s', async (why, code) => {
  const text = `An internal error occured: \n0: attestation report evaluate\n${why}\n\nStack backtrace:\n   0: anyhow::error`
  const holder = {
    technology: 'snp',
    openReport: async () => ({ binding: Buffer.from('{}'), evidence: Buffer.from('{}') }),
    decryptJwe: () => Promise.reject(new Error('unused')),
  }
  const asked = askForEar({
    holder,
    asUrl: 'http://127.0.0.1:1',
    ports: net(() => new Response(text, { status: 500 })),
  })
  const error = await asked.catch((caught: unknown) => caught as Error & { code: string })
  expect(error).toMatchObject({ code })
  expect((error as Error).message).toMatch(/[.d]$/)
  expect((error as Error).message).not.toContain('backtrace')
})

test('our own says as Trustee: form before session, what its REST door can name, policies without a type', async () => {
  const kbs = await startKbs({ directory: scratch('kbs'), listen: '127.0.0.1:0', ports: testPorts() })
  const post = (path: string, body: unknown): Promise<Response> =>
    fetch(`${kbs.url}${path}`, { method: 'POST', headers: json, body: JSON.stringify(body) })
  for (const tee of ['foo', 'tpm', 'nvidia']) {
    const refused = await post('/attestation', { verification_requests: [{ tee, evidence: 'e30' }], policy_ids: [] })
    expect([refused.status, await refused.text()]).toEqual([
      500,
      `An internal error occured: \n0: tee \`${tee} not supported\``,
    ])
  }
  const bad = await post('/attestation', {
    verification_requests: [{ tee: 'sample', evidence: 'e30' }],
    policy_ids: [],
  })
  expect(await bad.text()).toContain('1: Verifier evaluate failed: Deserialize Quote failed.')
  expect((await fetch(`${kbs.url}/policy`)).headers.get('content-type')).toBeNull()
  await kbs.close()
})
