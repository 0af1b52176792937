import type { TaskAgent } from '../../src/agent/protocol.ts'
import { noCaller } from '../../src/agent/task-client.ts'
import { readSigner } from '../../src/actions/shared/signer.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import type { TaskContext } from '../../src/tasks/context.ts'
import { sign } from '../../src/tasks/sign/released/task.ts'
import { fakeHttp, testPorts } from '../../testkit/ports.ts'

const uri = 'kbs:///ci/signing/release'
const kbs = { url: 'https://kbs.example', asUrl: 'https://as.example' }

/** What the task does with an agent of a technology, where each service answers with a text. */
function context(technology: string | null, answers: Record<string, [number, string]> = {}): TaskContext {
  const asked = fakeHttp((url) => {
    const [status, text] = answers[new URL(url).host] ?? [500, '']
    return Promise.resolve(new Response(text, { status }))
  })
  const agent: Partial<TaskAgent> = {
    status: () => Promise.resolve({ technology }) as unknown as ReturnType<TaskAgent['status']>,
    openReport: async () => ({ binding: Buffer.from('{}'), evidence: Buffer.from('{}') }),
  }
  return {
    ports: testPorts({ http: asked }),
    work: { path: async () => '/nowhere' },
    agent: technology === null ? null : (agent as TaskAgent),
    caller: noCaller,
  }
}

const trustee = (name: string, detail: string): string =>
  JSON.stringify({ type: `https://github.com/confidential-containers/kbs/errors/${name}`, detail })
const passport: [number, string] = [200, 'a.b.c']

test.each<[string, TaskContext, object]>([
  ['no agent', context(null), { code: 'no-agent', subject: 'signer' }],
  ['a plain TPM', context('tpm'), { code: 'unsupported', subject: 'trustee-url' }],
  [
    'evidence that the Attestation Service refuses',
    context('snp', { 'as.example': [500, 'Verifier evaluate failed: debug is on'] }),
    { code: 'evidence-invalid', message: expect.stringContaining('debug is on') as string },
  ],
  [
    'an Attestation Service that fails',
    context('snp', { 'as.example': [503, 'busy'] }),
    { code: 'kbs-error', message: expect.stringContaining('answered 503: busy') as string },
  ],
  [
    'a KBS that does not trust the Attestation Service',
    context('snp', { 'as.example': passport, 'kbs.example': [401, trustee('TokenVerifierError', 'no such key')] }),
    { code: 'kbs-error', remedy: expect.stringContaining('does not trust the Attestation Service') as string },
  ],
  [
    'a policy that denies',
    context('snp', { 'as.example': passport, 'kbs.example': [401, trustee('PolicyDeny', 'Access denied by policy')] }),
    { code: 'denied', subject: uri, remedy: expect.stringContaining('docs/kbs-signing.md') as string },
  ],
])('%s: no key, for a reason of its own', async (_name, given, error) => {
  await expect(sign.run({ uri, kbs }, given)).rejects.toMatchObject(error)
})

test.each([
  ['plain http', { uri, kbs: { ...kbs, url: 'http://kbs.example' } }],
  ['plain http to the Attestation Service', { uri, kbs: { ...kbs, asUrl: 'http://as.example' } }],
  ['a path of four parts', { uri: 'kbs:///a/b/c/d', kbs }],
  ['members that a step adds', { uri, kbs, key: 'mine' }],
])('a request with %s is refused', async (_name, request) => {
  await expect(sign.perform(request, context('snp', { 'as.example': passport }))).rejects.toMatchObject({
    code: 'input-invalid',
  })
})

test('verdicts are not signed with a key of a KBS', async () => {
  const given: Record<string, string> = { signer: uri, 'kbs-url': kbs.url }
  const raw = rawInputs({
    given: (name) => given[name],
    defaults: {},
    ports: testPorts(),
    confine: null,
    label: (name) => name,
  })
  await expect(readSigner(raw, ['agent', 'none'])).rejects.toMatchObject({ code: 'unsupported', subject: 'signer' })
})
