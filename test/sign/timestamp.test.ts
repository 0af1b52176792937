import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { AgentClient } from '../../src/agent/protocol.ts'
import { evidenceMediaTypes } from '../../src/journal/evidence-bundle.ts'
import { verifyTimestamp } from '../../src/log/timestamp/verify.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { findStatements, type FoundStatement } from '../../src/sign/find.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { timeStamperFor } from '../../src/tasks/sign/time-stamp.ts'
import { testPorts } from '../../testkit/ports.ts'
import { makeAuthority } from '../../testkit/timestamp/authority.ts'
import { startTimestampServer, type ServerOptions, type TestServer } from '../../testkit/timestamp/server.ts'
import { makeResponse, makeToken } from '../../testkit/timestamp/token.ts'
import { privatePem } from './fixtures.ts'
import { job, stopAgents, type Job } from './job.ts'

const authority = makeAuthority()
const pinned = [{ name: 'test', chain: authority.chain }]
const servers: TestServer[] = []

afterEach(async () => {
  await stopAgents()
  for (const server of servers.splice(0)) await server.close()
})

async function service(options: ServerOptions = {}): Promise<TestServer> {
  const server = await startTimestampServer(authority, options)
  servers.push(server)
  return server
}

async function bundles({ published, image }: Job): Promise<FoundStatement[]> {
  return (await findStatements(published, image)).filter(({ origin }) => origin === 'referrer')
}

const signatureOf = ({ envelope }: FoundStatement): Buffer => Buffer.from(envelope.signatures[0]!.sig, 'base64')

test('every bundle of a job is stamped over its raw signature, the evidence statement too', async () => {
  const made = await job()
  const server = await service()
  const { report } = await made.sign({ timestamp: server.url })
  const found = await bundles(made)
  expect(found).toHaveLength(7)
  for (const one of found) {
    expect(one.stamps).toHaveLength(1)
    expect(verifyTimestamp(one.stamps[0]!, signatureOf(one), pinned).authority).toBe('test')
  }
  expect(server.requests()).toBe(7)
  expect(report.facts).toContainEqual(['Time stamps', expect.stringContaining(new URL(server.url).host)])
})

test('a second run asks for no stamp and adds nothing', async () => {
  const made = await job()
  const server = await service()
  await made.sign({ timestamp: server.url })
  const before = await made.published.referrers(made.image.digest)
  const { report } = await made.sign({ timestamp: server.url })
  expect(report.headline).toMatch(/^Nothing to sign/)
  expect(await made.published.referrers(made.image.digest)).toEqual(before)
  expect(server.requests()).toBe(7)
})

test('statements without a stamp get one more referrer each, with the same envelope and a stamp', async () => {
  const made = await job()
  await made.sign()
  const before = await bundles(made)
  const server = await service()
  await made.sign({ timestamp: server.url })
  const after = await bundles(made)
  expect(after).toHaveLength(before.length * 2)
  const signatures = new Set(after.map((one) => signatureOf(one).toString('hex')))
  expect(signatures.size).toBe(before.length)
  // No seal is made for it, so that the journal stays as it was.
  expect(await made.published.referrers(made.image.digest, evidenceMediaTypes.index)).toHaveLength(1)
  await made.sign({ timestamp: server.url })
  expect(await bundles(made)).toHaveLength(after.length)
})

test('a stamp over something else, or one that cannot be read, does not keep ours away', async () => {
  const made = await job()
  await made.sign({ consumers: 'cosign3', statements: 'spdx' })
  for (const one of await bundles(made)) {
    const { hint } = loadPublicKey((await made.agent!.status()).publicKeyPem)
    for (const stamp of [makeResponse(makeToken(authority, Buffer.from('other'))), Buffer.from('junk')])
      await attachBundle(made.published, made.image, makeBundle(one.envelope, hint, [stamp]), one.predicateType)
  }
  const server = await service()
  await made.sign({ timestamp: server.url, consumers: 'cosign3', statements: 'spdx' })
  expect(server.requests()).toBe(2)
})

test('a key signs and stamps without an agent, with a warning that the service is this machine', async () => {
  const made = await job({ agent: false })
  writeFileSync(join(made.ports.roots.cwd, 'my.key'), privatePem())
  const server = await service()
  await made.sign({ timestamp: server.url, signer: 'key', key: 'my.key', image: 'oci:built:v1' })
  expect(made.ports.log).toHaveProperty('lines', expect.arrayContaining([expect.stringContaining('(self-timed)')]))
  for (const one of await bundles(made)) expect(one.stamps).toHaveLength(1)
})

test('a service that fails leaves the image without its tag and without evidence, and a second run repairs', async () => {
  const made = await job()
  const broken = await service({ answer: (response) => (response.writeHead(404).end(), true) })
  await expect(made.sign({ timestamp: broken.url })).rejects.toMatchObject({ code: 'timestamp-error' })
  expect(await made.published.tags().catch(() => [])).toEqual([])
  expect(await made.published.referrers(made.image.digest, evidenceMediaTypes.index)).toEqual([])
  const server = await service()
  await made.sign({ timestamp: server.url })
  expect((await bundles(made)).every(({ stamps }) => stamps.length === 1)).toBe(true)
})

test('an address that is not one is refused before anything is copied', async () => {
  const made = await job()
  await expect(made.sign({ timestamp: 'tsa.example' })).rejects.toMatchObject({ code: 'input-invalid' })
})

test('a service on a machine with hardware evidence is refused: it would state its own time', async () => {
  const agent = (technology: string): AgentClient =>
    ({ status: () => Promise.resolve({ technology }) }) as unknown as AgentClient
  const self = new URL('http://127.0.0.2:3161/')
  for (const technology of ['tpm', 'snp', 'az-tdx-vtpm'])
    await expect(timeStamperFor(self, agent(technology), [], testPorts())).rejects.toMatchObject({ code: 'self-timed' })
  expect(await timeStamperFor(self, agent('sample'), [], testPorts())).not.toBeNull()
  expect(await timeStamperFor(new URL('https://tsa.example/'), agent('snp'), [], testPorts())).not.toBeNull()
  expect(await timeStamperFor(null, agent('snp'), [], testPorts())).toBeNull()
})
