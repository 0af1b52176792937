import { randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { AgentClient } from '../../src/agent/protocol.ts'
import { openState } from '../../src/agent/state.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../../src/doors/context.ts'
import { door as encryptDoor } from '../../src/actions/encrypt/main.ts'
import { door as publishDoor } from '../../src/actions/kbs-publish/main.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { unwrapWithKek, wrapWithKek } from '../../src/encrypt/packet.ts'
import type { EventFacts, JournalEvent } from '../../src/journal/event.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { codeOf, makeImage } from '../encrypt/support.ts'
import { recordingLog, scratch, testPorts } from '../../testkit/ports.ts'

const uri = 'kbs:///default/image-key/app'

/** An agent that keeps keys and a journal, as far as these actions use it. */
function fakeAgent(technology = 'sample') {
  const keys = new Map<string, Buffer>()
  const events: EventFacts[] = []
  const key = (wanted: string): Buffer => {
    const found = keys.get(wanted)
    if (found === undefined) throw Object.assign(new Error(`no key ${wanted}`), { code: 'not-found' })
    return found
  }
  const client: Partial<AgentClient> = {
    status: async () => ({ keys: [...keys.keys()], technology, instance: 'ab'.repeat(16) }) as never,
    createKey: async (wanted) => {
      if (!keys.has(wanted)) keys.set(wanted, randomBytes(32))
    },
    wrap: async (wanted, plaintext) => {
      const iv = randomBytes(12)
      return { wrapped: wrapWithKek(key(wanted), plaintext, iv), iv }
    },
    unwrap: async (wanted, wrapped, iv) => unwrapWithKek(key(wanted), { kid: wanted, wrapped, iv }),
    takeKey: async (wanted) => Buffer.from(key(wanted)),
    openReport: async () => ({ binding: Buffer.from('{}'), evidence: Buffer.from('{}') }),
    append: async (draft) => {
      if (!events.some((event) => jcs(event).equals(jcs(draft)))) events.push(draft)
      if (draft.kind === 'publish') for (const { name } of draft.outputs) keys.delete(name)
      return draft as JournalEvent
    },
  }
  return { client: client as AgentClient, keys, events }
}

async function setting(agent: AgentClient | null) {
  const log = recordingLog()
  const ports = testPorts({ log })
  const directory = scratch('job')
  const state = openState(join(directory, 'state'), ports)
  const image = await makeImage(join(directory, 'layout'), ports, [randomBytes(200_000), Buffer.from('x')])
  await state.rememberImage(
    image.image.descriptor.digest,
    `oci:${directory}/layout:latest@${image.image.descriptor.digest}`,
    'plain',
  )
  const context: ActionContext = { ports, state: { ...state, agent: async () => agent } }
  const run = (door: ActionDoor, given: Record<string, string>): Promise<ActionResult> =>
    door.run(
      rawInputs({
        given: (name) => given[name],
        defaults: { mode: 'apply', layers: 'all' },
        ports,
        confine: null,
        label: (name) => name,
      }),
      context,
    )
  return { directory, context, image, log, run }
}

describe('encrypt', () => {
  test('appends -encrypted, journals once, and a second run does nothing', async () => {
    const agent = fakeAgent()
    const { run, image, context, directory } = await setting(agent.client)
    const first = await run(encryptDoor, { recipients: uri })
    expect(first.outputs['image']).toBe(`oci:${directory}/layout:latest-encrypted@${first.outputs['digest']}`)
    expect(first.outputs['plain-digest']).toBe(image.image.descriptor.digest)
    expect(first.outputs['key-uri']).toBe(uri)
    expect(agent.events).toHaveLength(1)
    expect(agent.events[0]).toMatchObject({ kind: 'encrypt', result: { recipients: [{ scheme: 'kbs', keyId: uri }] } })
    expect(await context.state.lastImage(['encrypted'])).toBe(first.outputs['image'])
    agent.keys.clear()
    expect((await run(encryptDoor, { recipients: uri })).outputs).toEqual(first.outputs)
    expect(agent.events).toHaveLength(1)
  })

  test('killed when blobs were there but manifest, tag and event were not', async () => {
    const agent = fakeAgent()
    const { run, directory, context } = await setting({
      ...agent.client,
      append: async () => Promise.reject(new Error('killed')),
    })
    await expect(run(encryptDoor, { recipients: uri })).rejects.toThrow('killed')
    const store = openLayout(join(directory, 'layout'), 'localhost/x', context.ports)
    const made = await store.resolve({ tag: 'latest-encrypted' })
    await rm(join(directory, 'layout/blobs/sha256', made?.digest.slice(7) ?? ''))
    const index = JSON.parse(await readFile(join(directory, 'layout/index.json'), 'utf8')) as {
      manifests: { digest: string }[]
    }
    await writeFile(
      join(directory, 'layout/index.json'),
      JSON.stringify({ ...index, manifests: index.manifests.filter(({ digest }) => digest !== made?.digest) }),
    )
    Object.assign(context.state, { agent: async () => agent.client })
    expect((await run(encryptDoor, { recipients: uri })).outputs['digest']).toBe(made?.digest)
    expect(agent.events).toHaveLength(1)
  })

  test('without an agent a key file, and only then', async () => {
    const { run, directory } = await setting(null)
    expect(await codeOf(run(encryptDoor, { recipients: uri }))).toBe('input-missing')
    await writeFile(join(directory, 'kek'), randomBytes(31))
    expect(await codeOf(run(encryptDoor, { recipients: uri, 'key-file': join(directory, 'kek') }))).toBe('file-invalid')
    await writeFile(join(directory, 'kek'), randomBytes(32))
    expect(await codeOf(run(encryptDoor, { recipients: uri, 'key-file': join(directory, 'kek') }))).toBe('resolved')
    const withAgent = await setting(fakeAgent().client)
    expect(await codeOf(withAgent.run(encryptDoor, { recipients: uri, 'key-file': join(directory, 'kek') }))).toBe(
      'input-invalid',
    )
    expect(await codeOf(withAgent.run(encryptDoor, { recipients: uri, layers: '5' }))).toBe('input-invalid')
    expect(await codeOf(withAgent.run(encryptDoor, { recipients: uri, layers: 'x' }))).toBe('input-invalid')
  })
})

describe('kbs-publish', () => {
  test('plan writes nothing, apply writes, again changes nothing; no secret is shown', async () => {
    const agent = fakeAgent()
    const { run, directory, log } = await setting(agent.client)
    await run(encryptDoor, { recipients: uri })
    const secret = Buffer.from(agent.keys.get(uri) ?? '')
    const kbs = { 'kbs-url': `embedded:${directory}/kbs` }
    const planned = await run(publishDoor, { ...kbs, mode: 'plan' })
    expect(planned.outputs).toMatchObject({ changed: 'true', 'resource-uris': uri })
    expect(agent.keys.size).toBe(1)
    const applied = await run(publishDoor, kbs)
    expect(applied.outputs).toMatchObject({ changed: 'true', 'resource-uris': uri })
    expect(applied.report.exceptions).toHaveLength(1)
    expect(agent.events.at(-1)).toMatchObject({
      kind: 'publish',
      outputs: [{ role: 'resource', name: uri }],
      result: { uris: [uri] },
    })
    const again = await run(publishDoor, kbs)
    expect(again.outputs).toMatchObject({ changed: 'false', 'resource-uris': uri })
    expect(agent.events).toHaveLength(2)
    const shown =
      JSON.stringify([planned, applied, again, log.lines]) +
      (await readFile(applied.outputs['plan-path'] ?? '', 'utf8'))
    for (const form of ['hex', 'base64', 'base64url'] as const) expect(shown).not.toContain(secret.toString(form))
    expect(await readFile(join(directory, 'kbs/resources/default%2Fimage-key%2Fapp'))).toEqual(secret)
  })

  test('killed before the event: the next run ends in the same state', async () => {
    const agent = fakeAgent()
    const { run, directory, context } = await setting(agent.client)
    await run(encryptDoor, { recipients: uri })
    const kbs = { 'kbs-url': `embedded:${directory}/kbs` }
    Object.assign(context.state, {
      agent: async () => ({ ...agent.client, append: async () => Promise.reject(new Error('killed')) }),
    })
    await expect(run(publishDoor, kbs)).rejects.toThrow('killed')
    Object.assign(context.state, { agent: async () => agent.client })
    expect((await run(publishDoor, kbs)).outputs['changed']).toBe('false')
    expect(agent.events.filter(({ kind }) => kind === 'publish')).toHaveLength(1)
  })

  test('sample on a KBS that is not ours, no plan, no admin key, plain http', async () => {
    const agent = fakeAgent()
    const { run, directory } = await setting(agent.client)
    await run(encryptDoor, { recipients: uri })
    await writeFile(join(directory, 'admin.pem'), 'not a key')
    const away = { 'kbs-url': 'http://127.0.0.1:1', 'admin-key': join(directory, 'admin.pem') }
    expect(await codeOf(run(publishDoor, away))).toBe('policy-unsafe')
    expect(await codeOf(run(publishDoor, { 'kbs-url': 'http://127.0.0.1:1' }))).toBe('input-missing')
    expect(await codeOf(run(publishDoor, { ...away, 'kbs-url': 'http://kbs.example.org' }))).toBe('input-invalid')
    const plan = join(directory, 'plan.yml')
    await writeFile(
      plan,
      `version: 1\naccept-sample: true\nresources: [{uri: "${uri}", source: agent, admit: [{technology: sample, measurements: [abcde]}]}]\n`,
    )
    expect(await codeOf(run(publishDoor, { ...away, plan }))).toBe('policy-unsafe')
    await writeFile(
      plan,
      `version: 1\nresources: [{uri: "${uri}", source: agent, admit: [{technology: snp, measurements: [aa]}]}]\n`,
    )
    expect(await codeOf(run(publishDoor, { ...away, plan }))).toBe('input-missing')
    const alone = await setting(null)
    expect(await codeOf(alone.run(publishDoor, { 'kbs-url': `embedded:${directory}/other` }))).toBe('input-missing')
  })

  test('rules of an earlier job stay on the embedded KBS', async () => {
    const first = fakeAgent()
    const one = await setting(first.client)
    await one.run(encryptDoor, { recipients: uri })
    const kbs = { 'kbs-url': `embedded:${one.directory}/kbs` }
    await one.run(publishDoor, kbs)
    const two = await setting(fakeAgent().client)
    await two.run(encryptDoor, { recipients: 'kbs:///default/image-key/other' })
    await two.run(publishDoor, kbs)
    const policy = await readFile(join(one.directory, 'kbs/resource-policy.rego'), 'utf8')
    expect(policy).toContain('"app"')
    expect(policy).toContain('"other"')
  })
})
