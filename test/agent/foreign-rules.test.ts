import type { Agent } from '../../src/agent/agent.ts'
import type { StatementRequest } from '../../src/agent/protocol.ts'
import type { EventDraft } from '../../src/journal/event.ts'
import type { Digest } from '../../src/oci/types.ts'
import { parseStatement } from '../../src/statement/statement.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import * as job from '../../testkit/agent.ts'
import { agentAlone } from '../../testkit/task-agent.ts'

// TRUST §4, the row of images that others built: what an agent signs about them, and what it refuses.

const { config, encryptedImage, inventory, plainImage, spdx } = job
let agent: Agent

/** A fresh agent whose own workers did these things. */
async function afterWork(...drafts: EventDraft[]): Promise<void> {
  agent = (await agentAlone()).agent
  for (const { isolation, ...facts } of drafts) await agent.perform(facts, isolation)
}

const ask = (kind: StatementRequest['kind'], documents: Record<string, Buffer>, subject: Digest) =>
  agent.statement({
    kind,
    subject,
    documents: Object.fromEntries(Object.entries(documents).map(([name, bytes]) => [name, bytes.toString('base64')])),
  })
const refused = (code: string): unknown => expect.objectContaining({ code, exitCode: 1 })

/** What the agent signs about a foreign image, by the documents that it is made of. */
const described: [StatementRequest['kind'], Record<string, Buffer>][] = [
  ['spdx', { spdx }],
  ['inventory', { inventory, config }],
]
const failedVerification = (): EventDraft => ({
  ...job.verifyEvent(job.verdict({ verified: false })),
  result: { verified: false, exceptions: [] },
})

test('an image that was verified is described, and its encrypted form described, tied and signed', async () => {
  await afterWork(job.verifyEvent(), job.sbomEvent(), job.encryptEvent())
  for (const [kind, documents] of described)
    for (const subject of [plainImage, encryptedImage]) {
      const { payload } = await ask(kind, documents, subject)
      expect(parseStatement(payload)).toMatchObject({
        predicateType: predicateTypes[kind],
        subject: [{ digest: { sha256: subject.slice(7) } }],
      })
    }
  const { payload } = await ask('encryption', { config }, encryptedImage)
  expect(parseStatement(payload).predicate).toMatchObject({ plain: { manifest: plainImage } })
  // The encrypted form is a manifest that this job made, so that guests can ask for a signature of it.
  await ask('sign', {}, encryptedImage)
  expect(agent.simpleSigning(encryptedImage, 'registry.example/app').signature.length).toBeGreaterThan(0)
})

test.each([plainImage, encryptedImage])(
  'provenance and rebuilds of it stay those of its publisher (%s)',
  async (on) => {
    await afterWork(job.verifyEvent(), job.sbomEvent(), job.encryptEvent())
    for (const kind of ['provenance', 'rebuild'] as const)
      await expect(ask(kind, { 'build-record': job.buildRecord() }, on)).rejects.toEqual(refused('foreign-image'))
  },
)

test('the image itself is signed in no form: that is for its publisher', async () => {
  await afterWork(job.verifyEvent(), job.sbomEvent())
  await expect(ask('sign', {}, plainImage)).rejects.toEqual(refused('foreign-image'))
  expect(() => agent.simpleSigning(plainImage, 'registry.example/app')).toThrow('was built by others')
  expect(() => agent.maySign({ subject: plainImage, payload: null })).toThrow('was built by others')
  const subject = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: plainImage, size: 1 }
  await expect(agent.notation({ subject, certificates: [] })).rejects.toEqual(refused('foreign-image'))
})

test.each<[string, string, () => EventDraft[]]>([
  ['was never verified', 'not-admitted', () => []],
  ['was refused', 'admission-refused', () => [failedVerification()]],
  [
    'passed first and was refused by the same policy later',
    'admission-refused',
    () => [job.verifyEvent(), failedVerification()],
  ],
  ['is another image than was verified', 'not-admitted', () => [job.verifyEvent(job.verdict(), job.digestOf('other'))]],
])('an image that %s gives no statement', async (_what, code, before) => {
  await afterWork(...before(), job.sbomEvent(), job.encryptEvent())
  for (const [kind, documents] of described)
    for (const subject of [plainImage, encryptedImage])
      await expect(ask(kind, documents, subject)).rejects.toEqual(refused(code))
  await expect(ask('encryption', { config }, encryptedImage)).rejects.toEqual(refused(code))
  await expect(ask('sign', {}, encryptedImage)).rejects.toEqual(refused(code))
  expect(() => agent.simpleSigning(encryptedImage, 'registry.example/app')).toThrow()
  expect(() => agent.maySign({ subject: encryptedImage, payload: null })).toThrow()
})

test('a verification that a caller claims admits nothing', async () => {
  await afterWork(job.sbomEvent(), job.encryptEvent())
  const { kind, inputs, outputs, result } = job.verifyEvent()
  await agent.append({ kind, inputs, outputs, result })
  await expect(ask('spdx', { spdx }, plainImage)).rejects.toEqual(refused('claimed-steps'))
  await expect(ask('encryption', { config }, encryptedImage)).rejects.toEqual(refused('claimed-steps'))
})

test('a refusal by another policy takes nothing back, and the journal names the policy of each verification', async () => {
  const other = failedVerification()
  const policy = { ...other.inputs[1], digest: job.digestOf('another policy') } as EventDraft['inputs'][number]
  await afterWork(job.verifyEvent(), { ...other, inputs: [other.inputs[0] as never, policy] }, job.sbomEvent())
  await ask('spdx', { spdx }, plainImage)
  const text = agent.journal().toString('utf8')
  expect(text).toContain(job.digestOf('policy'))
  expect(text).toContain(job.digestOf('another policy'))
})

test('a manifest of an index that passed as a whole is admitted, of a refused one it is not', async () => {
  const index = job.digestOf('index')
  const ofIndex = (verified: boolean): EventDraft => {
    const event = verified ? job.verifyEvent(job.verdict(), index) : failedVerification()
    const child = { role: 'child', name: 'linux/amd64', digest: plainImage, mediaType: 'application/octet-stream' }
    const [image, ...rest] = event.inputs
    return { ...event, inputs: [{ ...image, digest: index } as typeof child, ...rest, child] }
  }
  await afterWork(ofIndex(true), job.sbomEvent())
  await ask('spdx', { spdx }, plainImage)
  await afterWork(ofIndex(false), job.sbomEvent())
  await expect(ask('spdx', { spdx }, plainImage)).rejects.toEqual(refused('admission-refused'))
})

test('no summary about the encrypted form comes from the job that encrypted it', async () => {
  const verdict = job.verdict()
  await afterWork(job.verifyEvent(), job.encryptEvent(), job.verifyEvent(verdict, encryptedImage))
  await expect(ask('vsa', { verdict }, encryptedImage)).rejects.toEqual(refused('self-verified'))
})
