import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Http } from '../../src/base/ports.ts'
import { openState } from '../../src/agent/state.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../../src/doors/context.ts'
import { door as encryptDoor } from '../../src/actions/encrypt/main.ts'
import { door as publishDoor } from '../../src/actions/kbs-publish/main.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { codeOf, makeImage } from '../encrypt/support.ts'
import { recordingLog, scratch, testPorts } from '../../testkit/ports.ts'
import { storedByKbs, storedText } from '../../testkit/kbs-stored.ts'
import { AgentDouble } from '../../testkit/task-agent.ts'

const uri = 'kbs:///default/image-key/app'
/** A launch measurement of SNP. */
const aa = 'aa'.repeat(48)

/** @param alone no agent runs */
async function setting(alone = false, http?: Http) {
  const log = recordingLog()
  const ports = testPorts({ log, ...(http === undefined ? {} : { http }) })
  const directory = scratch('job')
  const state = openState(join(directory, 'state'), ports)
  const agent = new AgentDouble(state, ports)
  const image = await makeImage(join(directory, 'layout'), ports, [randomBytes(200_000), Buffer.from('x')])
  await state.rememberImage(
    image.image.descriptor.digest,
    `oci:${directory}/layout:latest@${image.image.descriptor.digest}`,
    'plain',
  )
  const context: ActionContext = { ports, state: { ...state, agent: async () => (alone ? null : agent.client) } }
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
  const kbs = `embedded:${directory}/kbs`
  const encrypt = (recipients = uri, more: Record<string, string> = {}): Promise<ActionResult> =>
    run(encryptDoor, { recipients, 'kbs-url': kbs, ...more })
  return { agent, directory, context, image, log, run, kbs, encrypt }
}

describe('encrypt', () => {
  test('appends -encrypted, journals once, and a second run does nothing', async () => {
    const { agent, encrypt, image, context, directory } = await setting()
    const first = await encrypt()
    expect(first.outputs['image']).toBe(`oci:${directory}/layout:latest-encrypted@${first.outputs['digest']}`)
    expect(first.outputs['plain-digest']).toBe(image.image.descriptor.digest)
    expect(first.outputs['key-uri']).toBe(uri)
    expect(agent.events).toHaveLength(1)
    expect(agent.events[0]).toMatchObject({
      kind: 'encrypt',
      result: { recipients: [{ scheme: 'kbs', keyId: uri }], kbs: 'embedded' },
    })
    expect(await context.state.lastImage(['encrypted'])).toBe(first.outputs['image'])
    agent.release(uri)
    expect((await encrypt()).outputs).toEqual(first.outputs)
    expect(agent.events).toHaveLength(1)
  })

  test('killed when blobs were there but manifest, tag and event were not', async () => {
    const { agent, encrypt, directory, context } = await setting()
    agent.killed = true
    await expect(encrypt()).rejects.toThrow('killed')
    expect(agent.events).toEqual([])
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
    agent.killed = false
    expect((await encrypt()).outputs['digest']).toBe(made?.digest)
    expect(agent.events).toHaveLength(1)
  })

  test('without an agent a key file, and only then', async () => {
    const { run, directory, image } = await setting(true)
    const plain = `oci:${directory}/layout:latest@${image.image.descriptor.digest}`
    expect(await codeOf(run(encryptDoor, { image: plain, recipients: uri }))).toBe('input-missing')
    await writeFile(join(directory, 'kek'), randomBytes(31))
    expect(await codeOf(run(encryptDoor, { image: plain, recipients: uri, 'key-file': join(directory, 'kek') }))).toBe(
      'file-invalid',
    )
    await writeFile(join(directory, 'kek'), randomBytes(32))
    expect(await codeOf(run(encryptDoor, { image: plain, recipients: uri, 'key-file': join(directory, 'kek') }))).toBe(
      'resolved',
    )
    const withAgent = await setting()
    expect(await codeOf(withAgent.encrypt(uri, { 'key-file': join(directory, 'kek') }))).toBe('input-invalid')
    expect(await codeOf(withAgent.encrypt(uri, { layers: '5' }))).toBe('input-invalid')
    expect(await codeOf(withAgent.encrypt(uri, { layers: 'x' }))).toBe('input-invalid')
  })

  test('where an agent keeps the key, its KBS must be named; a public key needs none', async () => {
    const { run, agent, directory } = await setting()
    await expect(run(encryptDoor, { recipients: uri })).rejects.toMatchObject({
      code: 'input-missing',
      subject: 'kbs-url',
      message: expect.stringContaining(uri) as string,
    })
    expect([agent.keks.uris(), agent.events]).toEqual([[], []])
    const { publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    await writeFile(join(directory, 'a.pub'), publicKey.export({ type: 'spki', format: 'pem' }))
    await run(encryptDoor, { recipients: `jwe:${directory}/a.pub` })
    expect(agent.events[0]).toMatchObject({ result: { recipients: [{ scheme: 'jwe' }], kbs: null } })
    expect(await codeOf(run(encryptDoor, { recipients: 'jwe:none.pub' }))).toBe('file-missing')
  })

  test('a key that was made for one KBS is not used for another', async () => {
    const { agent, encrypt } = await setting()
    await encrypt()
    await expect(encrypt(uri, { 'kbs-url': 'http://127.0.0.1:1' })).rejects.toMatchObject({
      code: 'role-mismatch',
      subject: uri,
    })
    expect([agent.keks.uris(), agent.events.length]).toEqual([[uri], 1])
  })
})

describe('kbs-publish', () => {
  test('plan writes nothing, apply writes, again changes nothing; no secret is shown', async () => {
    const { agent, encrypt, run, directory, log, kbs: url } = await setting()
    await encrypt()
    const secret = Buffer.from(agent.keks.takeFor(uri, url).key)
    const kbs = { 'kbs-url': url }
    const planned = await run(publishDoor, { ...kbs, mode: 'plan' })
    expect(planned.outputs).toMatchObject({ changed: 'true', 'resource-uris': uri })
    expect(agent.keks.uris()).toEqual([uri])
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
    expect(storedByKbs(join(directory, 'kbs')).get('resources/default/image-key/app')).toEqual(secret)
  })

  test('`{digest}` and `{run}` name a path for each image and job, in recipients and in the plan', async () => {
    const { agent, encrypt, run, image, directory, kbs: url } = await setting()
    const template = 'kbs:///team/image-key/app-{digest}-{run}'
    const digest = image.image.descriptor.digest.slice(7, 23)
    const { outputs } = await encrypt(template)
    const made = outputs['key-uri'] ?? ''
    expect(made).toMatch(new RegExp(`^kbs:///team/image-key/app-${digest}-[0-9a-f]{16}$`))
    expect((await encrypt(template)).outputs['key-uri']).toBe(made)
    const plan = join(directory, 'plan.yml')
    const text = (uri: string, source = 'agent'): string =>
      `version: 1\naccept-sample: true\nresources: [{uri: "${uri}", source: "${source}", admit: [{technology: sample}]}]\n`
    await writeFile(plan, text(template))
    for (const changed of ['true', 'false'])
      expect((await run(publishDoor, { 'kbs-url': url, plan })).outputs).toMatchObject({
        changed,
        'resource-uris': made,
      })
    expect(agent.keks.uris()).toEqual([])
    await writeFile(plan, text('kbs:///team/image-key/other-{digest}'))
    expect(await codeOf(run(publishDoor, { 'kbs-url': url, plan }))).toBe('not-found')
    await writeFile(plan, text(template, 'kept'))
    await expect(run(publishDoor, { 'kbs-url': url, plan })).rejects.toThrow(
      'line 3: resources.0.uri: has a placeholder',
    )
    await writeFile(plan, text('kbs:///team/image-key/{image}'))
    expect(await codeOf(run(publishDoor, { 'kbs-url': url, plan }))).toBe('file-invalid')
  })

  test('killed before the event: the next run ends in the same state', async () => {
    const { agent, encrypt, run, kbs: url } = await setting()
    await encrypt()
    const kbs = { 'kbs-url': url }
    agent.killed = true
    await expect(run(publishDoor, kbs)).rejects.toThrow('killed')
    agent.killed = false
    expect((await run(publishDoor, kbs)).outputs['changed']).toBe('false')
    expect(agent.events.filter(({ kind }) => kind === 'publish')).toHaveLength(1)
  })

  test('sample on a KBS that is not ours, no plan, no admin key, plain http', async () => {
    const { encrypt, run, directory } = await setting()
    await encrypt(uri, { 'kbs-url': 'http://127.0.0.1:1' })
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
      `version: 1\nresources: [{uri: "${uri}", source: agent, admit: [{technology: snp, measurements: [${aa}]}]}]\n`,
    )
    expect(await codeOf(run(publishDoor, { ...away, plan }))).toBe('input-missing')
    const alone = await setting(true)
    expect(await codeOf(alone.run(publishDoor, { 'kbs-url': `embedded:${directory}/other` }))).toBe('input-missing')
  })

  test('rules of an earlier job stay on the embedded KBS', async () => {
    const one = await setting()
    await one.encrypt()
    const kbs = { 'kbs-url': one.kbs }
    await one.run(publishDoor, kbs)
    const two = await setting()
    await two.encrypt('kbs:///default/image-key/other', kbs)
    const { report } = await two.run(publishDoor, kbs)
    expect(report.notes.join('\n')).toContain('The rule of 1 resource stays on the embedded KBS from earlier plans')
    expect(report.notes.join('\n')).toContain('kbs:///default/image-key/app. The plan that wrote a rule withdraws it')
    const policy = storedText(join(one.directory, 'kbs'), 'resource-policy.rego')
    expect(policy).toContain('"app"')
    expect(policy).toContain('"other"')
  })

  test('the key goes to the KBS that it was made for, and to no other', async () => {
    const { agent, encrypt, run, directory } = await setting()
    await encrypt()
    for (const mode of ['plan', 'apply']) {
      const other = { 'kbs-url': `embedded:${directory}/other`, mode }
      await expect(run(publishDoor, other)).rejects.toMatchObject({ code: 'role-mismatch', subject: uri })
    }
    expect(agent.keks.uris()).toEqual([uri])
    expect(agent.events.map(({ kind }) => kind)).toEqual(['encrypt'])
    expect([...storedByKbs(join(directory, 'other')).keys()].filter((name) => name.startsWith('resources/'))).toEqual(
      [],
    )
  })

  test('over https the key goes only to a server with the TLS key that encrypt saw', async () => {
    const base = testPorts()
    const folder = scratch('kbs')
    const server = await startKbs({ directory: folder, listen: '127.0.0.1:0', ports: base })
    const name = 'https://kbs.example'
    const shown = `sha256:${'ab'.repeat(32)}`
    const wanted: [string, string | undefined][] = []
    const http: Http = {
      hosts: () => [],
      serverKey: async () => shown,
      request: (url, options = {}) => {
        wanted.push([`${options.method} ${new URL(url).pathname}`, options.serverKey])
        return base.http.request(url.replace(name, server.url), { ...options, serverKey: undefined })
      },
    }
    const { agent, encrypt, run, directory } = await setting(false, http)
    await encrypt(uri, { 'kbs-url': name })
    expect(agent.events[0]?.result).toMatchObject({ kbs: 'external', kbsUrl: name, kbsKey: shown })
    const plan = join(directory, 'plan.yml')
    const admit = `admit: [{technology: snp, measurements: [${aa}]}]`
    await writeFile(join(directory, 'other'), 'other')
    await writeFile(
      plan,
      `version: 1\nreplace-global: first\nresources:\n  - {uri: "${uri}", source: agent, ${admit}}\n  - {uri: "kbs:///a/b/c", source: "file:${directory}/other", ${admit}}\n`,
    )
    await run(publishDoor, { 'kbs-url': name, 'admin-key': join(folder, 'admin-key.pem'), plan })
    const posts = wanted.filter(([what]) => what.startsWith('POST /kbs/v0/resource/'))
    expect(posts).toEqual([
      ['POST /kbs/v0/resource/default/image-key/app', shown],
      // What the step sends of its own is its own to protect.
      ['POST /kbs/v0/resource/a/b/c', undefined],
    ])
    await server.close()
  })
})
