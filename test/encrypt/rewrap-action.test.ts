import { generateKeyPairSync, randomBytes } from 'node:crypto'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { door as encryptDoor } from '../../src/actions/encrypt/main.ts'
import { door as publishDoor } from '../../src/actions/kbs-publish/main.ts'
import { openState } from '../../src/agent/state.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../../src/doors/context.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { decryptImage } from '../../src/encrypt/decrypt-image.ts'
import { readPrivateKey } from '../../src/encrypt/open-key.ts'
import { loadImage } from '../../src/image/load.ts'
import { openLayout } from '../../src/oci/layout.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { AgentDouble } from '../../testkit/task-agent.ts'
import { codeOf, makeImage } from './support.ts'

const uri = 'kbs:///team/image-key/app'

/** A plain image of two layers, an agent, and key pairs `one` and `two`. */
async function setting() {
  const ports = testPorts()
  const directory = scratch('rewrap')
  const state = openState(join(directory, 'state'), ports)
  const agent = new AgentDouble(state, ports)
  const plain = await makeImage(join(directory, 'layout'), ports, [randomBytes(200_000), Buffer.from('x')])
  for (const name of ['one', 'two']) {
    const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    writeFileSync(join(directory, `${name}.pub`), publicKey.export({ type: 'spki', format: 'pem' }))
    writeFileSync(join(directory, `${name}.pem`), privateKey.export({ type: 'pkcs8', format: 'pem' }))
  }
  const run = (given: Record<string, string>, alone = false, door: ActionDoor = encryptDoor): Promise<ActionResult> => {
    const context: ActionContext = { ports, state: { ...state, agent: async () => (alone ? null : agent.client) } }
    const defaults = { mode: 'apply', layers: 'all' }
    const inputs = rawInputs({ given: (name) => given[name], defaults, ports, confine: null, label: (name) => name })
    return door.run(inputs, context)
  }
  const at = `oci:${directory}/layout`
  const file = (name: string): string => join(directory, name)
  /** Whether a private key opens an image. */
  const opens = async (digest: unknown, name: string): Promise<string> => {
    const store = openLayout(join(directory, 'layout'), 'localhost/x', ports)
    const image = await loadImage(store, digest as `sha256:${string}`)
    const target = openLayout(scratch('opened'), 'localhost/x', ports)
    const keys = { privateKeys: [readPrivateKey(readFileSync(file(`${name}.pem`), 'utf8'), name)] }
    return codeOf(decryptImage(store, image, keys, { target }))
  }
  return { directory, ports, agent, plain, run, at, file, opens }
}

const jwe = (path: string): string => `jwe:${path}`

test('adds or replaces recipients, reads no layer, journals once, and a second run changes nothing', async () => {
  const { run, at, file, opens, agent, directory } = await setting()
  const first = await run({ image: `${at}:latest`, recipients: jwe(file('one.pub')) })
  const before = String(first.outputs['digest'])
  const given = { image: `${at}:latest-encrypted`, recipients: jwe(file('two.pub')), 'decryption-key': file('one.pem') }
  // The layers have other bytes meanwhile: whoever read one would say so.
  const blobs = join(directory, 'layout/blobs/sha256')
  const kept = new Map(readdirSync(blobs).map((name) => [name, readFileSync(join(blobs, name))]))
  for (const [name, bytes] of kept)
    if (bytes.length > 100_000) writeFileSync(join(blobs, name), Buffer.alloc(bytes.length))
  const added = await run({ ...given, rewrap: 'add' })
  const replaced = await run({ ...given, rewrap: 'replace', output: `${at}:replaced` })
  for (const [name, bytes] of kept) writeFileSync(join(blobs, name), bytes)

  expect(added.outputs['image']).toBe(`${at}:latest-encrypted-rewrapped@${added.outputs['digest']}`)
  expect(await opens(added.outputs['digest'], 'one')).toBe('resolved')
  expect(await opens(added.outputs['digest'], 'two')).toBe('resolved')
  expect(await opens(replaced.outputs['digest'], 'one')).toBe('decryption-failed')
  expect(await opens(replaced.outputs['digest'], 'two')).toBe('resolved')
  expect(agent.events.slice(1)).toMatchObject(
    [
      ['add', added],
      ['replace', replaced],
    ].map(([how, made]) => ({
      kind: 'encrypt',
      inputs: [{ role: 'image', digest: before }, { role: 'config' }],
      outputs: [{ role: 'image', digest: (made as ActionResult).outputs['digest'] }],
      result: { rewrapped: how, recipients: [{ scheme: 'jwe' }] },
    })),
  )
  expect((await run({ ...given, rewrap: 'add' })).outputs).toEqual(added.outputs)
  expect(agent.events).toHaveLength(3)
})

test('the key comes from the agent that holds it, then from the KBS that it was published to', async () => {
  const { run, at, file, opens, directory, agent } = await setting()
  const kbs = `embedded:${directory}/kbs`
  await run({ image: `${at}:latest`, recipients: uri, 'kbs-url': kbs })
  const given = { image: `${at}:latest-encrypted`, recipients: jwe(file('one.pub')), rewrap: 'add' }
  const byAgent = await run({ ...given, output: `${at}:agent` })
  expect(await opens(byAgent.outputs['digest'], 'one')).toBe('resolved')

  const plan = join(directory, 'plan.yml')
  writeFileSync(
    plan,
    `version: 1\naccept-sample: true\nresources: [{uri: "${uri}", source: agent, admit: [{technology: sample}]}]\n`,
  )
  await run({ 'kbs-url': kbs, plan }, false, publishDoor)
  expect(agent.keks.uris()).toEqual([])
  expect(await codeOf(run({ ...given, output: `${at}:none` }, true))).toBe('input-missing')
  const byKbs = await run({ ...given, output: `${at}:kbs`, 'kbs-url': kbs }, true)
  expect(await opens(byKbs.outputs['digest'], 'one')).toBe('resolved')
})

test('what does not fit together is refused, and nothing is written', async () => {
  const { run, at, file, directory } = await setting()
  const one = { recipients: jwe(file('one.pub')) }
  await run({ image: `${at}:latest`, ...one })
  const blobs = readdirSync(join(directory, 'layout/blobs/sha256'))
  const image = `${at}:latest-encrypted`
  const key = { 'decryption-key': file('one.pem') }
  for (const [given, code] of [
    [{ image: `${at}:latest`, ...one, ...key }, 'input-invalid'],
    [{ image: `${at}:latest`, ...one, ...key, rewrap: 'add' }, 'input-invalid'],
    [{ image, ...one, ...key, rewrap: 'both' }, 'input-invalid'],
    [{ image, ...one, ...key, rewrap: 'add', layers: '0' }, 'input-invalid'],
    [{ ...one, ...key, rewrap: 'add' }, 'input-missing'],
    [{ image, ...one, rewrap: 'add' }, 'input-missing'],
    [{ image, ...one, rewrap: 'add', 'decryption-key': file('two.pem') }, 'decryption-failed'],
  ] as const)
    expect([given, await codeOf(run({ ...given }))]).toEqual([given, code])
  expect(readdirSync(join(directory, 'layout/blobs/sha256'))).toEqual(blobs)
})
