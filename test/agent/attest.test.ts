import type { HttpRequest, HttpResponse, Ports } from '../../src/base/ports.ts'
import { startKbs, type RunningKbs } from '../../src/kbs-server/server.ts'
import { noCaller } from '../../src/agent/task-client.ts'
import { attest, type AttestRequest, type AttestResult } from '../../src/tasks/attest/task.ts'
import { fakeHttp, scratch, testPorts } from '../../testkit/ports.ts'
import { agentAlone } from '../../testkit/task-agent.ts'

// What an Attestation Service or KBS says, and what the task believes of it.

type Answer = (url: string, options: HttpRequest, real: () => Promise<HttpResponse>) => Promise<HttpResponse>
type Trustee = NonNullable<AttestRequest['trustee']>

let kbs: RunningKbs
beforeEach(async () => {
  kbs = await startKbs({ directory: scratch('kbs'), listen: '127.0.0.1:0', ports: testPorts() })
})
afterEach(() => kbs.close())

/** Asks for a fresh agent. @param answer changes what the network gives; @param later seconds that the clock is ahead */
async function ask(
  change: Partial<Trustee>,
  answer: Answer = (_url, _options, real) => real(),
  later = 0,
): Promise<AttestResult> {
  const { calls } = await agentAlone()
  const made = testPorts()
  const request = (url: string, options: HttpRequest = {}): Promise<HttpResponse> =>
    answer(url, options, () => made.http.request(url, options))
  const ports: Ports = {
    ...made,
    clock: { ...made.clock, now: () => new Date(Date.now() + later * 1000) },
    http: fakeHttp(request),
  }
  const trustee = { trusteeUrl: null, trusteePolicy: 'default', kbsUrl: null, pinned: false, ...change }
  const work = { path: () => Promise.reject(new Error('no file is made')) }
  return (await attest.run({ trustee }, { ports, work, agent: calls, caller: noCaller })).result
}

test.each([
  ['another job’s token', 'token of before', 'binding-mismatch'],
  ['an expired token', 'late', 'token-expired'],
  ['another policy’s token', 'policy', 'token-invalid'],
])('%s is refused', async (_, how, code) => {
  const { ears } = await ask({ trusteeUrl: kbs.asUrl })
  expect(ears).toMatchObject([{ pinned: false, status: 'contraindicated' }])
  const answer: Answer = async (url, options, real) => {
    if (!url.endsWith('/attestation') || how === 'late') return real()
    if (how === 'token of before') return new Response(ears[0]?.jwt)
    const body = String(options.body).replace('"strict"', '"default"')
    return testPorts().http.request(url, { ...options, body })
  }
  const given = { trusteeUrl: kbs.asUrl, trusteePolicy: how === 'policy' ? 'strict' : 'default' }
  await expect(ask(given, answer, how === 'late' ? 3600 : 0)).rejects.toMatchObject({ code })
})

test('a KBS that gives the token of another session is refused', async () => {
  let old: string | null = null
  const replay: Answer = async (url, _options, real) => {
    const answer = await real()
    if (!url.endsWith('/attest')) return answer
    const body = await answer.text()
    old ??= body
    return new Response(old, {
      status: answer.status,
      headers: { 'set-cookie': answer.headers.get('set-cookie') ?? '' },
    })
  }
  expect((await ask({ kbsUrl: kbs.url }, replay)).ears).toMatchObject([{ from: `KBS ${kbs.url}`, pinned: false }])
  await expect(ask({ kbsUrl: kbs.url }, replay)).rejects.toMatchObject({ code: 'binding-mismatch' })
})

test.each([
  ['refuses the evidence', 500, 'An internal error occured: \n1: Verifier evaluate failed: x', '', 'evidence-invalid'],
  ['has no verifier', 500, 'feature `sample-verifier` is not enabled', '', 'kbs-error'],
  ['has no keys', 200, 'a.b.c', '<html>not here</html>', 'kbs-error'],
  ['shows other keys', 200, 'ear', '{"keys":[{"kty":"new"},{"kty":"RSA","n":"AQAB","e":"AQAB"}]}', 'token-invalid'],
])('a service that %s ends the task', async (_, status, text, jwks, code) => {
  const answer: Answer = async (url, options) => {
    if (url.endsWith('/jwks.json')) return new Response(jwks, { status: jwks.startsWith('{') ? 200 : 404 })
    if (text === 'ear') return testPorts().http.request(`${kbs.asUrl}/attestation`, options)
    return new Response(text, { status })
  }
  await expect(ask({ trusteeUrl: 'http://127.0.0.1:1' }, answer)).rejects.toMatchObject({ code })
})

test('without an agent there is nothing to attest', async () => {
  const work = { path: () => Promise.reject(new Error('no file is made')) }
  const context = { ports: testPorts(), work, agent: null, caller: noCaller }
  await expect(attest.run({ trustee: null }, context)).rejects.toMatchObject({ code: 'no-agent' })
})
