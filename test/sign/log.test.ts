import { existsSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openRecorder } from '../../src/log/recorder.ts'
import { currentHead } from '../../src/log/open-log.ts'
import { openLogFiles, openLogStore } from '../../src/log/open-store.ts'
import { pinLog, verifyLogged } from '../../src/log/pinned-log.ts'
import { listenOn, type Answer, type Listening } from '../../src/log/serve/http.ts'
import { logAnswers } from '../../src/log/serve/log-server.ts'
import { witnessAnswers } from '../../src/log/serve/witness-server.ts'
import { Witness } from '../../src/log/witness.ts'
import { createLog } from '../../src/log/writer.ts'
import { makeBundle } from '../../src/sign/bundle.ts'
import { parseWitnessKey } from '../../src/sign/cosignature.ts'
import { findStatements, type FoundStatement } from '../../src/sign/find.ts'
import { loadNoteSigner } from '../../src/sign/note-signer.ts'
import { loadPublicKey } from '../../src/sign/public-key.ts'
import { parseNoteKey } from '../../src/sign/signed-note.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { ed25519Pem, noteSigner } from '../../testkit/log.ts'
import { scratch } from '../../testkit/ports.ts'
import { job, stopAgents, type Job } from './job.ts'

const servers: Listening[] = []
afterEach(async () => {
  await stopAgents()
  for (const server of servers.splice(0)) await server.close()
})

async function serve(answer: Answer, { ports }: Job): Promise<string> {
  const server = await listenOn('127.0.0.1:0', answer, ports)
  servers.push(server)
  return server.url
}

/** A log in the job's folder. */
async function logOf({ ports }: Job, place = './log') {
  const pem = ed25519Pem()
  const signer = await loadNoteSigner('log.example.internal', pem, null)
  const store = openLogStore(place, ports)
  await createLog(store, signer, null, {})
  writeFileSync(join(ports.roots.cwd, 'log.pem'), pem)
  const size = async (): Promise<number> =>
    (await currentHead(openLogFiles(place, ports), parseNoteKey(signer.vkey, 'log'))).size
  return { signer, store, size, inputs: { log: place, 'log-private-key': 'log.pem' } }
}

async function bundles({ published, image }: Job): Promise<FoundStatement[]> {
  return (await findStatements(published, image)).filter(({ origin }) => origin === 'referrer')
}

async function agentSpki({ agent }: Job): Promise<Buffer> {
  const { publicKeyPem } = await agent!.status()
  return loadPublicKey(publicKeyPem).object.export({ format: 'der', type: 'spki' })
}

const bundleOf = ({ envelope, stamps, logEntries }: FoundStatement): Buffer =>
  makeBundle(envelope, '', stamps, logEntries)

test.each(['./log', 'oci:log:main'])(
  'every signature of a job is logged in %s, the evidence statement too',
  async (place) => {
    const made = await job()
    const log = await logOf(made, place)
    const { report } = await made.sign(log.inputs)
    const found = await bundles(made)
    expect(found).toHaveLength(7)
    const spki = await agentSpki(made)
    const indexes = found.map((one) => verifyLogged(bundleOf(one), spki, pinLog(log.signer.vkey, null))?.index)
    expect(indexes.sort()).toEqual([0, 1, 2, 3, 4, 5, 6])
    expect(report.facts).toContainEqual(['Log', expect.stringContaining(place)])
  },
)

test('a second run logs and attaches nothing', async () => {
  const made = await job()
  const log = await logOf(made)
  await made.sign(log.inputs)
  const before = await made.published.referrers(made.image.digest)
  const { report } = await made.sign(log.inputs)
  expect(report.headline).toMatch(/^Nothing to sign/)
  expect(await made.published.referrers(made.image.digest)).toEqual(before)
  expect(await log.size()).toBe(7)
})

test('signatures that were made without a log are logged later, as they are', async () => {
  const made = await job()
  await made.sign()
  const log = await logOf(made)
  await made.sign(log.inputs)
  expect(await log.size()).toBe(7)
  const found = await bundles(made)
  expect(found).toHaveLength(14)
  expect(new Set(found.map(({ envelope }) => envelope.signatures[0]?.sig)).size).toBe(7)
})

test('witnesses cosign before the bundles are attached, and nothing is attached without them', async () => {
  const made = await job()
  const log = await logOf(made)
  const key = parseNoteKey(log.signer.vkey, 'log')
  const witnessKey = await noteSigner('witness.example', 'cosignature')
  const witness = new Witness(scratch('witness'), witnessKey, [{ origin: log.signer.name, key }], made.ports)
  const url = await serve(witnessAnswers(witness), made)
  const inputs = { ...log.inputs, 'log-witnesses': url }
  await expect(made.sign({ ...inputs, 'log-witnesses': 'http://127.0.0.1:1' })).rejects.toMatchObject({
    code: 'unreachable',
  })
  expect(await bundles(made)).toEqual([])
  await made.sign(inputs)
  const spki = await agentSpki(made)
  const witnesses = { keys: [parseWitnessKey(witnessKey.vkey)], quorum: 1 }
  for (const one of await bundles(made))
    expect(verifyLogged(bundleOf(one), spki, pinLog(log.signer.vkey, null, witnesses))?.cosignatures).toHaveLength(1)

  // The gate takes the same cosignatures as trusted time, and finds the evidence in the log.
  const policy = {
    version: 1,
    'accept-sample': true,
    'accept-self-asserted-job': true,
    log: { key: log.signer.vkey, witnesses: [witnessKey.vkey] },
    time: { witnesses: [witnessKey.vkey] },
  }
  const { digest } = made.image
  const reference = `oci:${join(made.ports.roots.cwd, 'out')}@${digest}`
  const { checks } = await verifyImage(reference, await parsePolicy(JSON.stringify(policy), '/p.yml'), {}, made.ports)
  const found = checks.filter(({ id }) => /^(time|log)\./.test(id)).map(({ id, status }) => `${id} ${status}`)
  expect(found).toEqual([
    'time.job passed',
    'time.age passed',
    'time.statement passed',
    'time.seal passed',
    'time.release skipped',
    'log.statements passed',
    'log.evidence passed',
    'log.history skipped',
    'log.witnesses passed',
  ])
})

test('a served log takes the signatures of listed keys, and what it answers is checked', async () => {
  const made = await job()
  const log = await logOf(made)
  const recorder = openRecorder(log.store, log.signer, null, [], made.ports)
  const spki = await agentSpki(made)
  const strange = await serve(logAnswers(log.store, recorder, { keys: [], authorities: [] }, made.ports.clock), made)
  // It was reached, so that nobody looks for a fault of the network.
  await expect(made.sign({ log: `rekor:${strange}` })).rejects.toMatchObject({
    code: 'unauthorized',
    message: expect.stringContaining('refused the request: it answered 403'),
    remedy: 'Ask the operator of the log to list the key of the signer.',
  })
  expect(await log.size()).toBe(0)
  const answers = logAnswers(log.store, recorder, { keys: [spki], authorities: [] }, made.ports.clock)
  const url = await serve(answers, made)
  const liar = await serve(async (...request) => {
    const reply = await answers(...request)
    if (reply === null) return null
    return { ...reply, body: String(reply.body).replace(/"treeSize":"(\d+)"/, '"treeSize":"1$1"') }
  }, made)
  await expect(made.sign({ log: `rekor:${liar}` })).rejects.toMatchObject({ code: 'log-invalid' })
  await made.sign({ log: `rekor:${url}` })
  for (const one of await bundles(made))
    expect(verifyLogged(bundleOf(one), spki, pinLog(log.signer.vkey, null))).not.toBeNull()
  const { report } = await made.sign({ log: `rekor:${url}` })
  expect(report.headline).toMatch(/^Nothing to sign/)
})

test('a log without its key, or that is not there, is refused before anything is published', async () => {
  const made = await job()
  await logOf(made)
  await expect(made.sign({ log: './log' })).rejects.toMatchObject({ code: 'input-missing' })
  await expect(made.sign({ log: './other', 'log-private-key': 'log.pem' })).rejects.toMatchObject({ code: 'not-found' })
  // Another key than the log's.
  writeFileSync(join(made.ports.roots.cwd, 'log.pem'), ed25519Pem())
  await expect(made.sign({ log: './log', 'log-private-key': 'log.pem' })).rejects.toMatchObject({
    code: 'signature-invalid',
  })
  await expect(made.sign({ log: 'rekor:http://log.example' })).rejects.toMatchObject({ code: 'input-invalid' })
  expect(existsSync(join(made.ports.roots.cwd, 'out'))).toBe(false)
})
