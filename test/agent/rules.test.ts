import type { Agent } from '../../src/agent/agent.ts'
import type { AgentClient, StatementRequest } from '../../src/agent/protocol.ts'
import { sha256 } from '../../src/base/streams.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { evidenceManifest } from '../../src/journal/evidence-manifest.ts'
import type { EventDraft } from '../../src/journal/event.ts'
import type { Digest } from '../../src/oci/types.ts'
import { verifyEnvelope } from '../../src/sign/dsse.ts'
import { parseStatement } from '../../src/statement/statement.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import * as job from '../../testkit/agent.ts'
import { agentAlone } from '../../testkit/task-agent.ts'

let client: AgentClient
/** Agents to stop: the tests of summaries start none that listens. */
let listening: AgentClient[] = []
let pem: string

/** A fresh agent with these events in its journal. */
async function withEvents(...drafts: EventDraft[]): Promise<void> {
  const agent = await job.startAgent()
  client = agent.client
  listening.push(client)
  pem = agent.status.publicKeyPem
  for (const draft of drafts) await client.append(draft)
}
afterEach(async () => {
  await Promise.all(listening.map((one) => one.stop()))
  listening = []
})

const mediaType = 'application/vnd.oci.image.manifest.v1+json'
const ask = (
  kind: StatementRequest['kind'],
  documents: Record<string, Buffer> = {},
  subject: Digest = job.plainImage,
  evidence?: StatementRequest['evidence'],
): ReturnType<AgentClient['statement']> =>
  client.statement({
    kind,
    subject,
    documents: Object.fromEntries(Object.entries(documents).map(([name, bytes]) => [name, bytes.toString('base64')])),
    evidence,
  })
const refused = (code: string): { code: string; exitCode: number } => expect.objectContaining({ code }) as never
const record = { 'build-record': job.buildRecord() }

test('every statement of a whole job is signed by K over a payload that the journal names', async () => {
  await withEvents(job.buildEvent(), job.sbomEvent(), job.encryptEvent())
  const on = job.encryptedImage
  const { spdx, cyclonedx, inventory, config } = job
  const asked: [StatementRequest['kind'], Record<string, Buffer>][] = [
    ['sign', {}],
    ['provenance', record],
    ['rebuild', record],
    ['spdx', { spdx }],
    ['cyclonedx', { cyclonedx }],
    ['inventory', { inventory, config }],
    ['encryption', { config }],
  ]
  for (const [kind, documents] of asked) {
    const first = await ask(kind, documents, on)
    const payload = verifyEnvelope(first.envelope, pem)
    expect(payload.equals(first.payload)).toBe(true)
    expect(parseStatement(payload)).toMatchObject({
      predicateType: predicateTypes[kind],
      subject: [{ digest: { sha256: on.slice(7) } }],
    })
    const again = await ask(kind, documents, on)
    expect(again.payload.equals(first.payload)).toBe(true)
  }
  const events = (await client.journal()).filter((event) => event.kind === 'statement')
  expect(events).toHaveLength(asked.length)
  const facts = parseStatement((await ask('inventory', { inventory, config }, on)).payload).predicate
  expect(facts).toMatchObject({ files: 2, diffIds: [job.digestOf('layer')], document: { digest: sha256(inventory) } })
})

describe('provenance and rebuild', () => {
  test('for an image that was only an input are refused', async () => {
    await withEvents(job.sbomEvent(), job.encryptEvent())
    for (const kind of ['provenance', 'rebuild'] as const) {
      await expect(ask(kind, record)).rejects.toEqual(refused('role-mismatch'))
      await expect(ask(kind, record, job.encryptedImage)).rejects.toEqual(refused('role-mismatch'))
    }
  })
  test('with another build record than the journal names are refused', async () => {
    await withEvents(job.buildEvent())
    const other = job.buildRecord({ prepare: 'curl' })
    await expect(ask('provenance', { 'build-record': other })).rejects.toEqual(refused('role-mismatch'))
    await expect(ask('provenance')).rejects.toEqual(refused('role-mismatch'))
  })
  test('with a record that speaks of another image are refused', async () => {
    const other = job.buildRecord({ image: { manifest: job.digestOf('x'), config: job.digestOf('y') } })
    await withEvents(job.buildEvent(other))
    await expect(ask('provenance', { 'build-record': other })).rejects.toEqual(refused('role-mismatch'))
  })
  test('with a record of another form are refused', async () => {
    const other = jcs({ v: 2 })
    await withEvents(job.buildEvent(other))
    await expect(ask('provenance', { 'build-record': other })).rejects.toEqual(refused('format-invalid'))
  })
  test('of an image that was not rebuilt is no rebuild', async () => {
    const none = job.buildRecord({ rebuilds: { count: 0, matched: 0, independence: 'same-job' } })
    await withEvents(job.buildEvent(none, job.plainImage, 0))
    await expect(ask('rebuild', { 'build-record': none })).rejects.toEqual(refused('role-mismatch'))
  })
  test('of a rebuild that differed is never signed', async () => {
    const bad = job.buildRecord({ rebuilds: { count: 2, matched: 1, independence: 'same-job' } })
    await withEvents(job.buildEvent(bad, job.plainImage, 2))
    await expect(ask('rebuild', { 'build-record': bad })).rejects.toEqual(refused('not-reproducible'))
  })
})

describe('SBOM and inventory', () => {
  test('of another image are refused', async () => {
    await withEvents(job.buildEvent(), job.sbomEvent(job.digestOf('other image')))
    await expect(ask('spdx', { spdx: job.spdx })).rejects.toEqual(refused('role-mismatch'))
    await expect(ask('inventory', { inventory: job.inventory, config: job.config })).rejects.toEqual(
      refused('role-mismatch'),
    )
  })
  test('from a file that was not made in the job are refused', async () => {
    await withEvents(job.buildEvent(), job.sbomEvent())
    await expect(ask('spdx', { spdx: jcs({ spdxVersion: 'SPDX-2.3', fake: true }) })).rejects.toEqual(
      refused('role-mismatch'),
    )
    await expect(ask('spdx', { spdx: job.cyclonedx })).rejects.toEqual(refused('role-mismatch'))
  })
  test('of another config are refused', async () => {
    await withEvents(job.buildEvent(), job.sbomEvent())
    const config = Buffer.from('{"rootfs":{"diff_ids":[]}}')
    await expect(ask('inventory', { inventory: job.inventory, config })).rejects.toEqual(refused('role-mismatch'))
  })
})

describe('encryption', () => {
  test('of an image that was not encrypted here is refused', async () => {
    await withEvents(job.buildEvent())
    await expect(ask('encryption', { config: job.config })).rejects.toEqual(refused('role-mismatch'))
  })
  test('with an event that tells no layers, or too many, is refused', async () => {
    const event = job.encryptEvent()
    await withEvents(job.buildEvent(), { ...event, result: {} })
    await expect(ask('encryption', { config: job.config }, job.encryptedImage)).rejects.toEqual(
      refused('encryption-link'),
    )
    const pair = [job.digestOf('a'), job.digestOf('b')]
    await client.append({ ...event, result: { ...event.result, layers: [pair, pair] } })
    await expect(ask('encryption', { config: job.config }, job.encryptedImage)).rejects.toEqual(
      refused('encryption-link'),
    )
  })
})

test('an encryption is not stated of an image whose keys were only wrapped anew', async () => {
  const event = job.encryptEvent()
  await withEvents(job.buildEvent(), { ...event, result: { ...event.result, rewrapped: 'add' } })
  await expect(ask('encryption', { config: job.config }, job.encryptedImage)).rejects.toEqual(
    refused('encryption-link'),
  )
})

test('an image that this job neither built nor encrypted is signed in no form', async () => {
  await withEvents(job.sbomEvent())
  await expect(ask('sign')).rejects.toEqual(refused('role-mismatch'))
  await expect(client.simpleSigning(job.plainImage, 'localhost/app')).rejects.toEqual(refused('role-mismatch'))
})

test('simple signing gives cosign’s payload, and takes no reference that could carry more', async () => {
  await withEvents(job.buildEvent())
  const { payload } = await client.simpleSigning(job.plainImage, 'registry.example:5000/team/app')
  expect(JSON.parse(payload.toString())).toMatchObject({
    critical: { image: { 'docker-manifest-digest': job.plainImage } },
  })
  for (const name of ['', 'app', '../x', 'h/../x', 'a b/c', 'h/x"y', 'h/x:tag']) {
    await expect(client.simpleSigning(job.plainImage, name)).rejects.toEqual(refused('input-invalid'))
  }
})

describe('VSA', () => {
  const verdict = job.verdict()
  let agent: Agent
  /** A fresh agent whose workers did these things: a summary counts no word of a caller. */
  const withWork = async (...drafts: EventDraft[]): Promise<void> => {
    agent = (await agentAlone()).agent
    for (const draft of drafts) await did(draft)
  }
  const did = ({ isolation, ...facts }: EventDraft) => agent.perform(facts, isolation)
  const summary = (document: Buffer, subject: Digest = job.plainImage) =>
    agent.statement({ kind: 'vsa', subject, documents: { verdict: document.toString('base64') } })
  test('is signed for a verified image, once for the same verdict', async () => {
    await withWork(job.verifyEvent())
    const first = await summary(verdict)
    expect(parseStatement(first.payload).predicate).toMatchObject({
      verificationResult: 'PASSED',
      verifier: { id: 'https://sealwright.dev/builder/v1/sample' },
    })
    expect((await summary(verdict)).payload.equals(first.payload)).toBe(true)
  })
  test.each([
    ['built', job.buildEvent()],
    ['built something else', job.buildEvent(job.buildRecord(), job.digestOf('else'))],
    ['encrypted', job.encryptEvent()],
  ])('by the job that %s is refused', async (_what, event) => {
    await withWork(event, job.verifyEvent())
    await expect(summary(verdict)).rejects.toEqual(refused('self-verified'))
  })
  test('over statements of this very key or instance is refused', async () => {
    await withWork()
    const { keyId, instance } = agent.status()
    for (const own of [
      job.verdict({ keys: [keyId] }),
      job.verdict({ job: { assurance: 'token', claims: {}, instance, digest: null } }),
    ]) {
      await did(job.verifyEvent(own))
      await expect(summary(own)).rejects.toEqual(refused('self-verified'))
    }
  })
  test('over a verdict that only a caller told of is refused', async () => {
    await withWork(job.sbomEvent())
    await agent.append(job.verifyEvent())
    await expect(summary(verdict)).rejects.toEqual(refused('role-mismatch'))
  })
  test('over an index of which this job made one manifest is refused', async () => {
    await withWork()
    const { instance, claims } = agent.status()
    const unknown = { assurance: null, claims: {}, instance: null, digest: null }
    const other = { assurance: 'token', claims: { ...claims, run_id: '77' }, instance: 'e'.repeat(32), digest: null }
    const index = (own: Record<string, unknown>): Buffer =>
      job.verdict({
        image: { reference: 'registry.example/app', digest: job.plainImage, children: [{ job: other }, { job: own }] },
        job: unknown,
      })
    for (const own of [
      { ...other, instance },
      // A second agent of the job: this one here has no token.
      { ...other, claims },
    ]) {
      await did(job.verifyEvent(index(own)))
      await expect(summary(index(own))).rejects.toEqual(refused('self-verified'))
    }
  })
  test('of a refused verdict, another image, another policy or a foreign verdict is refused', async () => {
    await withWork()
    const bad: [Buffer, string][] = [
      [job.verdict({ verified: false }), 'denied'],
      [job.verdict({ image: { reference: 'r', digest: job.digestOf('other') } }), 'role-mismatch'],
      [job.verdict({ policy: { digest: job.digestOf('other policy') } }), 'role-mismatch'],
    ]
    for (const [document, code] of bad) {
      await did(job.verifyEvent(document))
      await expect(summary(document)).rejects.toEqual(refused(code))
    }
    await expect(summary(job.verdict({ exceptions: [] }))).rejects.toEqual(refused('role-mismatch'))
    await expect(summary(verdict, job.digestOf('never seen'))).rejects.toEqual(refused('role-mismatch'))
  })
})

describe('evidence', () => {
  const subject = { mediaType, size: 10 }
  test('is signed over the last seal’s bundle, and over no earlier one', async () => {
    await withEvents(job.buildEvent())
    await expect(ask('evidence', {}, job.plainImage, { digest: job.digestOf('x'), size: 1, subject })).rejects.toEqual(
      refused('unsealed'),
    )
    await ask('sign')
    const request = async (): Promise<NonNullable<StatementRequest['evidence']>> => {
      const { descriptor } = evidenceManifest(await client.seal(), { ...subject, digest: job.plainImage })
      return { digest: descriptor.digest, size: descriptor.size, subject }
    }
    const first = await request()
    await ask('evidence', {}, job.plainImage, first)
    await ask('provenance', record)
    const second = await request()
    expect(second.digest).not.toBe(first.digest)
    await expect(ask('evidence', {}, job.plainImage, first)).rejects.toEqual(refused('unsealed'))
    await ask('evidence', {}, job.plainImage, second)
    await expect(ask('evidence', {}, job.plainImage)).rejects.toEqual(refused('unsealed'))
    await expect(ask('evidence', {}, job.digestOf('other'), second)).rejects.toEqual(refused('role-mismatch'))
    await expect(ask('evidence', {}, job.plainImage, { ...second, size: second.size + 1 })).rejects.toEqual(
      refused('unsealed'),
    )
  })
})
