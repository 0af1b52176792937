import type { Agent } from '../../src/agent/agent.ts'
import { sha256 } from '../../src/base/streams.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { roles, type EventDraft } from '../../src/journal/event.ts'
import type { Digest } from '../../src/oci/types.ts'
import { parseStatement } from '../../src/statement/statement.ts'
import * as job from '../../testkit/agent.ts'
import { agentAlone } from '../../testkit/task-agent.ts'

let agent: Agent
beforeEach(async () => {
  agent = (await agentAlone()).agent
})

const facts = (change: Record<string, unknown> = {}): Buffer =>
  jcs({
    from: { name: 'registry.example/app', tag: '1.0' },
    to: { name: 'registry.example/prod/app', tag: '1.0' },
    environment: 'production',
    class: null,
    supersedes: [],
    copied: [{ digest: job.digestOf('statement'), type: 'https://slsa.dev/provenance/v1' }],
    left: [],
    ...change,
  } as never)

/** What a worker tells of a promotion. */
function promoted(
  documents: { promotion?: Buffer; verdict?: Buffer } = {},
  image: Digest = job.plainImage,
): EventDraft {
  const { promotion = facts(), verdict = job.verdict() } = documents
  const done = job.verifyEvent(verdict, image)
  const named = { role: roles.promotion, name: '', digest: sha256(promotion), mediaType: '' }
  return { ...done, kind: 'promote', outputs: [...done.outputs, named] }
}
const did = ({ isolation, ...event }: EventDraft): Promise<unknown> => agent.perform(event, isolation)
const ask = (
  documents: { promotion?: Buffer; verdict?: Buffer } = {},
  subject: Digest = job.plainImage,
): ReturnType<Agent['statement']> => {
  const { promotion = facts(), verdict = job.verdict() } = documents
  return agent.statement({
    kind: 'promotion',
    subject,
    documents: { promotion: promotion.toString('base64'), verdict: verdict.toString('base64') },
  })
}
const refused = (code: string): { code: string } => expect.objectContaining({ code }) as never

test('the record is made of what the worker did, with the time of the agent', async () => {
  await did(promoted())
  const { predicate } = parseStatement((await ask()).payload)
  expect(predicate).toMatchObject({
    to: { name: 'registry.example/prod/app', tag: '1.0' },
    environment: 'production',
    policy: { digest: job.digestOf('policy') },
    verdict: { digest: sha256(job.verdict()), exceptions: ['accept-sample'] },
    copied: [{ type: 'https://slsa.dev/provenance/v1' }],
  })
})

test('an image that was only verified gets no record', async () => {
  await did(job.verifyEvent())
  await expect(ask()).rejects.toEqual(refused('role-mismatch'))
})

test('a promotion that a caller told of gets no record', async () => {
  const { isolation: _own, ...event } = promoted()
  await agent.append(event)
  await expect(ask()).rejects.toEqual(refused('role-mismatch'))
})

test.each([
  ['other facts', { promotion: facts({ environment: 'staging' }) }],
  ['another verdict', { verdict: job.verdict({ exceptions: [] }) }],
])('%s than those of the worker are refused', async (_what, documents) => {
  await did(promoted())
  await expect(ask(documents)).rejects.toEqual(refused('role-mismatch'))
})

test.each([
  ['a refused verdict', { verdict: job.verdict({ verified: false }) }, 'denied'],
  [
    'a verdict on another image',
    { verdict: job.verdict({ image: { digest: job.digestOf('other') } }) },
    'role-mismatch',
  ],
  ['facts with a member that nobody knows', { promotion: facts({ more: true }) }, 'format-invalid'],
])('%s is refused', async (_what, documents, code) => {
  await did(promoted(documents))
  await expect(ask(documents)).rejects.toEqual(refused(code))
})

test('an image of this job or of this key gets no record', async () => {
  await did(promoted())
  const { keyId, instance } = agent.status()
  for (const verdict of [
    job.verdict({ keys: [keyId] }),
    job.verdict({ job: { assurance: 'token', claims: {}, instance, digest: null } }),
  ]) {
    await did(promoted({ verdict }))
    await expect(ask({ verdict })).rejects.toEqual(refused('self-verified'))
  }
  await did(job.buildEvent())
  await expect(ask()).rejects.toEqual(refused('self-verified'))
})

test('a job that built something else may promote', async () => {
  await did(job.buildEvent(job.buildRecord(), job.digestOf('else')))
  await did(promoted())
  expect((await ask()).payload.length).toBeGreaterThan(100)
})
