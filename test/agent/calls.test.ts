import { createDecipheriv, createHash } from 'node:crypto'
import { CompactEncrypt, FlattenedEncrypt, importJWK } from 'jose'
import type { TaskAgent } from '../../src/agent/protocol.ts'
import type { Agent } from '../../src/agent/agent.ts'
import { sealedEnd } from '../../src/agent/channel/sealed.ts'
import { callHandlers } from '../../src/agent/worker/calls.ts'
import { agentCalls } from '../../src/agent/worker/table.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { askTrustee } from '../../src/tasks/attest/trustee.ts'
import { publishEvent } from '../../testkit/agent.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { agentAlone } from '../../testkit/task-agent.ts'

// What workers may ask of their agent, without process and relay.

const uri = 'kbs:///default/image/one'
const kbs = 'https://kbs.example'
const serverKey = `sha256:${'ab'.repeat(32)}` as const
const binding = { name: kbs, serverKey }
let agent: Agent
let calls: TaskAgent
beforeAll(async () => {
  ;({ agent, calls } = await agentAlone())
})

test('a KEK wraps as ocicrypt does, unwraps, and is gone once published', async () => {
  const publish = async (name: string): Promise<void> => {
    await agent.perform(publishEvent(name), { steps: 'no-steps', network: 'none' })
  }
  await calls.createKey(uri, binding)
  const { bytes: key } = await calls.takeKey(uri, kbs)
  await calls.createKey(uri, binding)
  expect(await calls.takeKey(uri, kbs)).toEqual({ bytes: key, serverKey })
  const { wrapped, iv } = await calls.wrap(uri, Buffer.from('options'))
  const cipher = createDecipheriv('aes-256-gcm', key, iv).setAuthTag(wrapped.subarray(-16))
  expect(Buffer.concat([cipher.update(wrapped.subarray(0, -16)), cipher.final()]).toString()).toBe('options')
  expect((await calls.unwrap(uri, wrapped, iv)).toString()).toBe('options')
  const flipped = Buffer.from(wrapped)
  flipped.writeUInt8((flipped[0] ?? 0) ^ 1, 0)
  await expect(calls.unwrap(uri, flipped, iv)).rejects.toMatchObject({ code: 'decryption-failed' })
  expect((await calls.status()).keys).toEqual([uri])

  await publish('kbs:///default/image/other')
  expect((await calls.status()).keys).toEqual([uri])
  // What a caller says of a publication over the socket takes no key away.
  await agent.append(publishEvent(uri))
  expect((await calls.status()).keys).toEqual([uri])
  await publish(uri)
  expect((await calls.status()).keys).toEqual([])
  await expect(calls.takeKey(uri, kbs)).rejects.toMatchObject({ code: 'not-found' })
  await expect(calls.unwrap(uri, wrapped, iv)).rejects.toMatchObject({ code: 'not-found' })
  await expect(calls.createKey(uri, binding)).rejects.toMatchObject({ code: 'exists' })
})

test('a key is of one KBS: another one neither gets it nor has it made anew', async () => {
  const own = 'kbs:///default/image/bound'
  await calls.createKey(own, binding)
  const key = await calls.takeKey(own, kbs)
  for (const other of ['https://kbs.example.org', `${kbs}/`, 'http://kbs.example', 'embedded:/kbs']) {
    await expect(calls.takeKey(own, other)).rejects.toMatchObject({ code: 'role-mismatch', subject: own })
    await expect(calls.createKey(own, { name: other, serverKey })).rejects.toMatchObject({
      code: 'role-mismatch',
      subject: own,
    })
  }
  for (const shown of [null, `sha256:${'ac'.repeat(32)}`])
    await expect(calls.createKey(own, { name: kbs, serverKey: shown })).rejects.toMatchObject({
      code: 'role-mismatch',
      message: expect.stringContaining('which now shows') as string,
    })
  expect(await calls.takeKey(own, kbs)).toEqual(key)
  await expect(calls.takeKey('kbs:///default/image/none', kbs)).rejects.toMatchObject({ code: 'not-found' })
})

test('a JWE for tee-pubkey opens; one for another key, or with another algorithm, does not', async () => {
  const { teePubkey } = await calls.report('nonce')
  const key = await importJWK(teePubkey as Record<string, string>, 'ECDH-ES+A256KW')
  const make = (enc: string): Promise<unknown> =>
    new FlattenedEncrypt(Buffer.from('secret')).setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc }).encrypt(key)
  expect((await calls.decryptJwe(JSON.stringify(await make('A256GCM')))).toString()).toBe('secret')
  await expect(calls.decryptJwe(JSON.stringify(await make('A128GCM')))).rejects.toMatchObject({
    code: 'decryption-failed',
  })
  const compact = await new CompactEncrypt(Buffer.from('x'))
    .setProtectedHeader({ alg: 'ECDH-ES+A256KW', enc: 'A256GCM' })
    .encrypt(key)
  await expect(calls.decryptJwe(compact)).rejects.toMatchObject({ code: 'format-invalid' })
  const other = await agentAlone()
  await expect(other.calls.decryptJwe(JSON.stringify(await make('A256GCM')))).rejects.toMatchObject({
    code: 'decryption-failed',
  })
})

test('a report for RCAR is over nonce and tee-pubkey, hashed by the agent', async () => {
  const { evidence, teePubkey } = await calls.report('n1')
  const hash = createHash('sha384')
    .update(jcs({ 'additional-evidence': '', nonce: 'n1', 'tee-pubkey': teePubkey }))
    .digest('base64')
  expect(evidence).toEqual({ svn: '1', report_data: hash })
})

test('an EAR over the binding is kept with the open report; the one that a KBS gives is not taken', async () => {
  const ports = testPorts()
  const server = await startKbs({ directory: scratch('kbs'), listen: '127.0.0.1:0', ports })
  const asked = { trusteeUrl: server.asUrl, trusteePolicy: 'default', kbsUrl: server.url, keys: null }
  const [first, second] = await askTrustee(calls, 'sample', asked, ports)
  const kept = (): unknown => JSON.parse(agent.openReport().evidence.toString())
  const ear = Buffer.from(first?.jwt ?? '').toString('base64')
  expect(kept()).toMatchObject({ documents: { ear } })
  // The KBS's own is over {nonce, tee-pubkey}: it is no token over the binding, and the agent takes none such.
  await expect(calls.attachEar(second?.jwt ?? '')).rejects.toMatchObject({ code: 'binding-mismatch' })
  await expect(calls.attachEar('a.b.c')).rejects.toMatchObject({ exitCode: 1 })
  expect(kept()).toMatchObject({ documents: { ear } })
  await calls.attachEar(first?.jwt ?? '')
  await server.close()
})

test.each([
  ['create-key', { uri: 'kbs:///../../x', kbs, serverKey }],
  ['create-key', { uri, kbs: '', serverKey }],
  ['create-key', { uri, kbs, serverKey: 'sha256:00' }],
  ['create-key', { uri, kbs }],
  ['create-key', { uri }],
  ['take-key', { uri }],
  ['take-key', { uri, kbs, more: 1 }],
  ['wrap', { uri }],
  ['report', { reportData: 'AAAA' }],
  ['report', { nonce: 'n', reportData: 'AAAA' }],
  ['report', { nonce: '' }],
  ['status', { a: 1 }],
  ['may-sign', { payload: null }],
  ['may-sign', { subject: 'sha256:00', payload: null }],
  ['attach-ear', { ear: 'x'.repeat(200_000) }],
] as const)('%s with arguments of another form is refused: %j', async (name, args) => {
  await expect(callHandlers[name](args, agent, sealedEnd())).rejects.toThrow(/Invalid|Unrecognized|Too/)
})

test('a long-lived key may sign nothing that is not in the journal', async () => {
  const digest = `sha256:${'0'.repeat(64)}` as const
  for (const wanted of [
    { subject: null, payload: null },
    { subject: digest, payload: null },
    { subject: null, payload: digest },
  ])
    await expect(calls.maySign(wanted)).rejects.toMatchObject({ code: 'role-mismatch' })
})

test('every call has a handler, and there is no handler beside them', () => {
  expect(Object.keys(callHandlers).sort()).toEqual([...agentCalls].sort())
})
