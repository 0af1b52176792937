import { generateKeyPairSync, sign } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ed25519Pem, noteSigner } from '../../testkit/log.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { isObject } from '../../src/base/json.ts'
import { logCommands } from '../../src/cli/log/commands.ts'
import type { CommandResult } from '../../src/cli/command.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { signEnvelope } from '../../src/sign/dsse.ts'
import { loadSigner } from '../../src/sign/keys.ts'

const origin = 'log.example.internal'

async function setUp() {
  const folder = scratch('log-cli')
  const base = testPorts()
  const ports = { ...base, roots: { ...base.roots, cwd: folder } }
  const file = (name: string, content: string | Buffer): string => {
    writeFileSync(join(folder, name), content)
    return name
  }
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const pem = privateKey.export({ format: 'pem', type: 'pkcs8' }).toString()
  file('release.pub', publicKey.export({ format: 'pem', type: 'spki' }).toString())
  file('log.pem', ed25519Pem())
  const bundle = async (name: string): Promise<string> => {
    const signer = await loadSigner(pem, null)
    const payload = Buffer.from(`{"_type":"https://in-toto.io/Statement/v1","name":"${name}"}`)
    return file(`${name}.json`, makeBundle(await signEnvelope(payload, signer), signer.hint))
  }
  const run = (command: string, given: Record<string, string>): Promise<CommandResult> => {
    const found = logCommands[command]
    if (found === undefined) throw new Error(command)
    const defaults = Object.fromEntries(found.inputs.map((input) => [input.name, input.default]))
    for (const name of Object.keys(given)) expect(defaults).toHaveProperty(name)
    const inputs = rawInputs({ given: (n) => given[n], defaults, ports, confine: null, label: (n) => `--${n}` })
    return found.run(inputs, { ports, state: undefined as never })
  }
  const init = (log: string, more: Record<string, string> = {}) =>
    run('log init', { log, origin, key: 'log.pem', ...more })
  const append = (log: string, entry: string, more: Record<string, string> = {}) =>
    run('log append', { log, entry, 'public-key': 'release.pub', key: 'log.pem', ...more })
  const read = (name: string) => readFileSync(join(folder, name), 'utf8')
  return { folder, file, bundle, run, init, append, read, privateKey }
}

test.each(['./log', 'oci:./log:main'])('a log in %s is made, appended to, proven and verified', async (log) => {
  const { init, append, bundle, run, read } = await setUp()
  const { outputs } = await init(log)
  const key = String(outputs['log-key'])
  expect(key).toMatch(/^log\.example\.internal\+[0-9a-f]{8}\+/)
  expect(await append(log, await bundle('one'), { output: 'logged.json' })).toMatchObject({
    outputs: { entries: [{ index: 0, state: 'added' }], size: 1 },
  })
  expect(await append(log, await bundle('two'))).toMatchObject({ outputs: { entries: [{ index: 1, state: 'added' }] } })
  expect(await append(log, 'one.json')).toMatchObject({
    outputs: { entries: [{ index: 0, state: 'present' }], size: 2 },
  })

  const whole = { log, 'log-key': key, last: 'seen' }
  expect(await run('log verify', whole)).toMatchObject({ outputs: { verified: true, size: 2 } })
  expect((await run('log verify', whole)).text).toContain('continues the last checkpoint seen')
  expect(read('seen').startsWith(`${origin}\n2\n`)).toBe(true)

  const one = { bundle: 'logged.json', 'public-key': 'release.pub', 'log-key': key }
  expect(await run('log verify', one)).toMatchObject({ outputs: { verified: true, index: 0 } })
  await expect(run('log verify', { ...one, bundle: 'two.json' })).rejects.toMatchObject({ code: 'unlogged' })
  const proven = await run('log prove', {
    log,
    'log-key': key,
    bundle: 'two.json',
    'public-key': 'release.pub',
    output: 'two-logged.json',
  })
  expect(proven.outputs['entry']).toMatchObject({ logIndex: '1' })
  expect(await run('log verify', { ...one, bundle: 'two-logged.json' })).toMatchObject({ outputs: { index: 1 } })
  const consistency = await run('log prove', { log, 'log-key': key, from: '1' })
  expect(consistency.outputs['hashes']).toHaveLength(1)
})

test('beside a log lie the files of its readers', async () => {
  const { init, read, run } = await setUp()
  const { outputs } = await init('./log')
  const root = JSON.parse(read('log/trusted_root.json')) as { tlogs: { baseUrl: string }[] }
  expect(root.tlogs.map(({ baseUrl }) => baseUrl)).toEqual([`https://${origin}`])
  expect(read('log/log.vkey')).toBe(`${String(outputs['log-key'])}\n`)
  // The file, and the PEM key with the origin, do as well.
  expect(await run('log verify', { log: './log', 'log-key': 'log/log.vkey' })).toMatchObject({ outputs: { size: 0 } })
  const pem = { log: './log', 'log-key': 'log/log.pub' }
  expect(await run('log verify', { ...pem, origin })).toMatchObject({ outputs: { size: 0 } })
  await expect(run('log verify', pem)).rejects.toMatchObject({ code: 'input-missing' })
  await expect(run('log verify', { ...pem, origin: 'other' })).rejects.toMatchObject({ code: 'signature-invalid' })
})

test('only what a given key signed is logged', async () => {
  const { init, append, bundle, file, privateKey } = await setUp()
  await init('./log')
  const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  file('other.pub', other.export({ format: 'pem', type: 'spki' }).toString())
  await expect(append('./log', await bundle('one'), { 'public-key': 'other.pub' })).rejects.toMatchObject({
    code: 'signature-invalid',
  })
  file('blob', 'bytes')
  file('blob.sig', sign('sha256', Buffer.from('bytes'), privateKey).toString('base64'))
  expect(await append('./log', 'blob', { signature: 'blob.sig' })).toMatchObject({ outputs: { size: 1 } })
  await expect(append('./log', 'blob', { signature: 'blob.sig', output: 'x' })).rejects.toMatchObject({
    code: 'input-invalid',
  })
  file('blob', 'other bytes')
  await expect(append('./log', 'blob', { signature: 'blob.sig' })).rejects.toMatchObject({ code: 'input-invalid' })
})

test('a bundle whose entry is of another key, log or content is refused', async () => {
  const { init, append, bundle, run, file, read } = await setUp()
  const { outputs } = await init('./log')
  await append('./log', await bundle('one'), { output: 'one-logged.json' })
  await append('./log', await bundle('two'), { output: 'two-logged.json' })
  const verify = (name: string, more: Record<string, string> = {}) =>
    run('log verify', { bundle: name, 'public-key': 'release.pub', 'log-key': String(outputs['log-key']), ...more })
  expect(await verify('one-logged.json')).toMatchObject({ outputs: { index: 0 } })
  const parse = (name: string): Record<string, unknown> => {
    const value: unknown = JSON.parse(read(name))
    return isObject(value) ? value : {}
  }
  const grafted = {
    ...parse('one-logged.json'),
    verificationMaterial: parse('two-logged.json')['verificationMaterial'],
  }
  file('grafted.json', JSON.stringify(grafted))
  await expect(verify('grafted.json')).rejects.toMatchObject({ code: 'log-invalid' })
  const strange = await noteSigner(origin)
  await expect(verify('one-logged.json', { 'log-key': strange.vkey })).rejects.toMatchObject({ code: 'unlogged' })
  await expect(verify('one-logged.json', { origin: 'other.example' })).rejects.toMatchObject({ code: 'file-invalid' })
})

test('witnesses count only where they are pinned, and their quorum is needed', async () => {
  const { init, append, bundle, run, file, read, folder } = await setUp()
  const { outputs } = await init('./log')
  const key = String(outputs['log-key'])
  await append('./log', await bundle('one'))
  file('witness.pem', ed25519Pem())
  const witness = { 'log-key': key, name: 'witness.example', key: 'witness.pem', memory: './memory' }
  const cosigned = await run('log witness', { ...witness, log: './log', output: 'log/checkpoint' })
  const vkey = String(cosigned.outputs['witness-key'])
  const whole = { log: './log', 'log-key': key }
  expect(await run('log verify', { ...whole, witness: vkey })).toMatchObject({ outputs: { verified: true } })
  const other = (await noteSigner('other.example', 'cosignature')).vkey
  const both = { ...whole, witness: `${vkey}\n${other}` }
  await expect(run('log verify', both)).rejects.toMatchObject({ code: 'unwitnessed' })
  expect(await run('log verify', { ...both, quorum: '1' })).toMatchObject({ outputs: { verified: true } })
  await expect(run('log verify', { ...both, quorum: '3' })).rejects.toMatchObject({ code: 'input-invalid' })
  await expect(run('log verify', { ...whole, witness: `${vkey}\n${vkey}` })).rejects.toMatchObject({
    code: 'input-invalid',
  })
  // The witness saw one entry; a new log of the same key has another one.
  await init('./fork', { last: 'fork-last' })
  await append('./fork', await bundle('two'), { last: 'fork-last' })
  await expect(run('log witness', { ...witness, log: './fork' })).rejects.toMatchObject({ code: 'log-broken' })
  expect(existsSync(join(folder, 'memory'))).toBe(true)
  // A cosigned log is still appended to.
  await append('./log', 'two.json')
  expect(read('log/checkpoint').split('\n')[1]).toBe('2')
})

test('a reader that saw more refuses the log that was rolled back', async () => {
  const { init, append, bundle, run, read, file } = await setUp()
  const { outputs } = await init('./log')
  await append('./log', await bundle('one'))
  const old = read('log/checkpoint')
  await append('./log', await bundle('two'))
  const whole = { log: './log', 'log-key': String(outputs['log-key']), last: 'seen' }
  await run('log verify', whole)
  file('log/checkpoint', old)
  await expect(run('log verify', whole)).rejects.toMatchObject({ code: 'rolled-back' })
  expect(await run('log verify', { ...whole, last: '' })).toMatchObject({ outputs: { size: 1 } })
})

test('options are refused by name', async () => {
  const { init, run, file } = await setUp()
  await expect(init('./log', { url: 'https://other.example' })).rejects.toMatchObject({ code: 'input-invalid' })
  await expect(init('./log', { origin: 'a b' })).rejects.toMatchObject({ code: 'input-invalid' })
  for (const origin of ['https://log.example', 'log.example:8080', 'log.example/x'])
    await expect(init('./log', { origin })).rejects.toMatchObject({ code: 'input-invalid', subject: 'origin' })
  file(
    'p256.pem',
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ format: 'pem', type: 'pkcs8' }),
  )
  await expect(init('./log', { key: 'p256.pem' })).rejects.toMatchObject({ code: 'file-invalid' })
  const { outputs } = await init('./log')
  const key = String(outputs['log-key'])
  await expect(run('log prove', { log: './log', 'log-key': key })).rejects.toMatchObject({ code: 'input-missing' })
  await expect(run('log prove', { log: './log', 'log-key': key, index: '0' })).rejects.toMatchObject({
    code: 'input-invalid',
  })
  await expect(run('log verify', { 'log-key': key })).rejects.toMatchObject({ code: 'input-missing' })
})
