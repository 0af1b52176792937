import { generateKeyPairSync } from 'node:crypto'
import { SignJWT } from 'jose'
import type { JsonObject } from '../../src/base/json.ts'
import { makeTeeKey } from '../../src/kbs/tee-key.ts'
import {
  adminJwt,
  allowAll,
  asAdmin,
  ask,
  b64u,
  graded,
  seconds,
  shake,
  startByHand,
  stopByHand,
  submod,
  time,
  told,
  tokenOf,
  v0,
  withGrading,
} from './by-hand.ts'
import type { Sent } from './replay-http.ts'

/**
 * What a live Trustee was observed to do (coco.md §12), row by row, on the embedded KBS. `as` is Trustee's answer; where ours is another one, the
 * reason stands in docs/trustee.md, and the row says `otherwise`. Whole recordings are replayed by replay-server.test.ts.
 */

beforeAll(startByHand)
afterAll(stopByHand)

const auth = (change: JsonObject): Promise<Sent> =>
  v0('auth', { method: 'POST', body: { version: '0.4.0', tee: 'sample', 'extra-params': '', ...change } })
const read = (headers: [string, string][], path = 'resource/default/key/one'): Promise<Sent> => v0(path, { headers })
const adminToken = (): Promise<string> => adminJwt({ role: 'admin', exp: seconds(60) })
const one = async (sent: Promise<Sent>): Promise<string> => told(await sent)
const attestFailed = '401 AttestationError: RCAR handshake Attest failed'
const noAdmin = (why: string): RegExp => new RegExp(`^401 AdminAuth(Initialization|Access): .*${why}`)
const plugin = '401 PluginInternalError: Plugin internal error'

type Row = readonly [topic: string, run: () => Promise<string>, as: string | RegExp]

const asTrustee: readonly Row[] = [
  // Version probe.
  ['version 0.0.0', () => one(auth({ version: '0.0.0' })), /expect =0\.4\.0 while the request is 0\.0\.0/],
  ['version 0.4', () => one(auth({ version: '0.4' })), /failed to parse KBS version/],
  ['version empty', () => one(auth({ version: '' })), /failed to parse KBS version/],
  ['version 0.4.0+x', () => one(auth({ version: '0.4.0+x' })), '200'],
  // auth.
  [
    'no extra-params',
    () => one(v0('auth', { method: 'POST', body: { version: '0.4.0', tee: 'sample' } })),
    /deserialize Request/,
  ],
  ['extra-params of any JSON', () => one(auth({ 'extra-params': [1, null] })), '200'],
  ['unknown members', () => one(auth({ more: 1 })), '200'],
  ['an unknown TEE', () => one(auth({ tee: 'Sample' })), /deserialize Request/],
  ['a TEE without a verifier gets a challenge', () => one(auth({ tee: 'cca' })), '200'],
  [
    'the cookie: 32 hex digits and Expires, nothing else',
    async () => (await auth({})).headers.find(([name]) => name.toLowerCase() === 'set-cookie')?.[1] ?? '',
    /^kbs-session-id=[0-9a-f]{32}; Expires=Sun, 22 Nov 2026 12:05:00 GMT$/,
  ],
  // tee-pubkey.
  [
    'unknown members of tee-pubkey are dropped before hashing',
    async () => told((await shake({ key: { ...makeTeeKey().teePubkey, kid: 'x' } })).answer),
    '200',
  ],
  [
    'tee-pubkey without alg',
    async () => {
      const { alg: _, ...key } = makeTeeKey().teePubkey
      return told((await shake({ key })).answer)
    },
    attestFailed,
  ],
  [
    'a point that is not on the curve gets a token and fails at GET',
    async () => {
      const { cookie, answer } = await shake({ key: { ...makeTeeKey().teePubkey, x: b64u('x'.repeat(32)) } })
      return `${told(answer)}, ${(await one(read([cookie]))).slice(0, 12)}`
    },
    '200, 401 JweError',
  ],
  // report_data.
  ['64 bytes of report data, padded', async () => told((await shake({ data: Buffer.alloc(64) })).answer), attestFailed],
  ['additional_evidence {}', async () => told((await shake({ additional: '{}' })).answer), '200'],
  ['additional_evidence that is no text', async () => told((await shake({ additional: {} })).answer), attestFailed],
  // Sessions.
  ['attest without a cookie', () => one(v0('attest', { method: 'POST', body: {} })), attestFailed],
  ['another nonce', async () => told((await shake({ nonce: 'AAAA' })).answer), attestFailed],
  [
    'a failed attest burns neither session nor nonce',
    async () => {
      const { answer, attest } = await shake({ data: Buffer.alloc(48) })
      return `${told(answer)}, ${await one(attest())}`
    },
    `${attestFailed}, 200`,
  ],
  [
    'an attested session gives its old token, whatever evidence comes',
    async () => {
      const { token, attest } = await shake()
      return String(tokenOf(await attest({ data: Buffer.alloc(48) })) === token)
    },
    'true',
  ],
  [
    'a session ends after five minutes',
    async () => {
      const { cookie, attest } = await shake()
      const before = time.now
      time.now = new Date(before.getTime() + 301_000)
      const after = `${await one(attest())}, ${await one(read([cookie]))}`
      time.now = before
      return after
    },
    `${attestFailed}, 401 TokenNotFound: Attestation Token not found`,
  ],
  [
    'twenty handshakes at once',
    async () => {
      const all = await Promise.all(Array.from({ length: 20 }, () => shake()))
      return String(new Set(all.map(({ token }) => token)).size)
    },
    '20',
  ],
  // Credentials at GET.
  [
    'an attested cookie beats any bearer',
    async () => one(read([(await shake()).cookie, ['Authorization', 'Bearer garbage']])),
    '200',
  ],
  [
    'an unknown cookie falls back to the bearer',
    async () =>
      one(
        read([
          ['Cookie', `kbs-session-id=${'f'.repeat(32)}`],
          ['Authorization', `Bearer ${(await shake()).token}`],
        ]),
      ),
    '200',
  ],
  ['neither', () => one(read([])), '401 TokenNotFound: Attestation Token not found'],
  [
    'an admin JWT at GET',
    async () => one(read([['Authorization', `Bearer ${await adminToken()}`]])),
    /^401 TokenVerifierError/,
  ],
  // Trust in tokens: as with trusted_certs_paths.
  [
    'an EAR of another key, with that key in its header',
    async () => {
      const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
      const claims = JSON.parse(
        Buffer.from((await shake()).token.split('.')[1] ?? '', 'base64url').toString(),
      ) as JsonObject
      const forged = await new SignJWT(claims)
        .setProtectedHeader({ alg: 'ES256', jwk: publicKey.export({ format: 'jwk' }) as never })
        .sign(privateKey)
      return one(read([['Authorization', `Bearer ${forged}`]]))
    },
    /^401 TokenVerifierError/,
  ],
  // EAR.
  [
    'the vector holds what the policy set, and the policy is "default"',
    async () => {
      const cell = submod((await shake()).token)
      return JSON.stringify([cell['ear.trustworthiness-vector'], cell['ear.appraisal-policy-id'], cell['ear.status']])
    },
    '[{"executables":3},"default","affirming"]',
  ],
  // Admin JWT.
  [
    'nbf and iat in the future',
    async () =>
      one(
        asAdmin(
          'resource-policy',
          'GET',
          undefined,
          await adminJwt({ role: 'admin', exp: seconds(60), nbf: seconds(900), iat: seconds(900) }),
        ),
      ),
    '200',
  ],
  [
    'exp 30 s ago',
    async () => one(asAdmin('resource-policy', 'GET', undefined, await adminJwt({ role: 'admin', exp: seconds(-30) }))),
    '200',
  ],
  [
    'exp 90 s ago',
    async () => one(asAdmin('resource-policy', 'GET', undefined, await adminJwt({ role: 'admin', exp: seconds(-90) }))),
    noAdmin('Cannot verify token with any of the issuers'),
  ],
  [
    'bearer in lower case',
    async () => one(v0('resource-policy', { headers: [['Authorization', `bearer ${await adminToken()}`]] })),
    noAdmin('Bearer header'),
  ],
  [
    'no role',
    async () => one(asAdmin('resource-policy', 'GET', undefined, await adminJwt({ exp: seconds(60) }))),
    noAdmin('Missing required `role`'),
  ],
  [
    'a role without rule',
    async () => one(asAdmin('resource-policy', 'GET', undefined, await adminJwt({ role: 'guest', exp: seconds(60) }))),
    noAdmin('Role guest not allowed'),
  ],
  [
    'a refused admin on a plugin path',
    () => one(v0('resource/a/b/c', { method: 'POST', body: Buffer.from('x') })),
    /AdminAuthInitialization/,
  ],
  [
    'a refused admin on a policy path',
    () => one(v0('resource-policy', { method: 'POST', body: {} })),
    /AdminAuthAccess/,
  ],
  // Resource paths.
  ['an encoded slash', () => one(asAdmin('resource/default/key%2Ftwo', 'POST', Buffer.from('x'))), '200 '],
  ...[
    'default/../one',
    'default/.key/one',
    'default/k:ey/one',
    'default/k%20y/one',
    'default/key',
    'a/b/c/d',
    `default/key/${'a'.repeat(250)}`,
  ].map((path): Row => [
    `the path ${path.slice(0, 20)}`,
    () => one(asAdmin(`resource/${path}`, 'POST', Buffer.from('x'))),
    plugin,
  ]),
  ['an empty value', () => one(asAdmin('resource/default/key/empty', 'POST', Buffer.alloc(0))), '200 '],
  ['2 MiB', () => one(asAdmin('resource/default/key/large', 'POST', Buffer.alloc(2 << 20))), '200 '],
  [
    'one byte more, before any admin is looked at',
    () => one(v0('resource/default/key/large', { method: 'POST', body: Buffer.alloc((2 << 20) + 1) })),
    '413 payload reached size limit',
  ],
  [
    'a success has no content type of JSON',
    async () =>
      (await asAdmin('resource/default/key/three', 'POST', Buffer.from('x'))).headers.find(
        ([name]) => name.toLowerCase() === 'content-type',
      )?.[1] ?? '-',
    'text/xml',
  ],
  // Missing things.
  ['GET of a missing resource', async () => one(read([(await shake()).cookie], 'resource/default/key/none')), plugin],
  ['DELETE of a missing resource', () => one(asAdmin('resource/default/key/none', 'DELETE')), plugin],
  [
    'a missing reference value',
    () => one(asAdmin('reference-value/none', 'GET')),
    /^401 RvpsError: .*No reference value found for the given id: none$/,
  ],
  // Reference values.
  [
    'any JSON, null as well; "a/b" is "a%2Fb"',
    async () => {
      const payload = Buffer.from(JSON.stringify({ 'a/b': { x: [null, 1.5] }, n: null })).toString('base64')
      const written = await one(asAdmin('reference-value', 'POST', { version: '0.1.0', type: 'sample', payload }))
      const [a, n] = [await asAdmin('reference-value/a%2Fb', 'GET'), await asAdmin('reference-value/n', 'GET')]
      return `${written.trim()} ${JSON.stringify(a.body)} ${JSON.stringify(n.body)}`
    },
    '200 {"x":[null,1.5]} null',
  ],
  [
    'one bad id',
    () =>
      one(
        asAdmin('reference-value', 'POST', {
          type: 'sample',
          payload: Buffer.from('{"ok":1,"b:d":1}').toString('base64'),
        }),
      ),
    /^401 RvpsError/,
  ],
  // Base rules.
  ['healthz', () => one(ask('/healthz')), '200 '],
  ['outside of the prefix', () => one(ask('/kbs/v1/auth')), '404 '],
  ['an unknown plugin', () => one(v0('nothing/a')), /^404 PluginNotFound/],
  ...['PATCH', 'OPTIONS'].map((method): Row => [method, () => one(v0('auth', { method })), '405 ']),
  ['a head of 140 KiB', async () => String((await read([['X-Large', 'x'.repeat(140 << 10)]])).status), '431'],
  // The Attestation Service's own interface.
  [
    'raw runtime data must equal the report data byte for byte',
    async () => {
      const evidence = b64u(JSON.stringify({ svn: '1', report_data: Buffer.from('abc').toString('base64') }))
      const by = (raw: string, type = 'application/json'): Promise<Sent> =>
        ask('/attestation', {
          method: 'POST',
          headers: [['Content-Type', type]],
          body: {
            verification_requests: [{ tee: 'sample', evidence, runtime_data: { raw: b64u(raw) } }],
            policy_ids: [],
          },
        })
      return [await by('abc'), await by('abc\0'), await by('abc', 'text/plain')].map(({ status }) => status).join(' ')
    },
    '200 500 400',
  ],
  ...['tpm', 'nvidia'].map((tee): Row => [
    `${tee} by REST`,
    () =>
      one(
        ask('/attestation', {
          method: 'POST',
          headers: [['Content-Type', 'application/json']],
          body: { verification_requests: [{ tee, evidence: b64u('{}') }], policy_ids: [] },
        }),
      ),
    /^500 .*not supported/s,
  ]),
  ['GET /policy/ID', () => one(ask('/policy/default_cpu')), '404 '],
]

test.each(asTrustee)('%s', async (_, run, as) => {
  const found = await run()
  if (typeof as === 'string') expect(found).toBe(as)
  else expect(found).toMatch(as)
})

/** Statuses that a policy's numbers give, which is what the worst member says. */
test.each([
  ['{"executables": 2, "hardware": 3}', 'affirming'],
  ['{"executables": 2, "hardware": 33}', 'warning'],
  ['{"executables": 97, "hardware": 33}', 'contraindicated'],
  ['{"executables": 0}', 'none'],
  ['{"executables": -1}', 'none'],
])('trust claims %s are %s', async (claims, status) => {
  await withGrading(graded(claims), async () => {
    expect(submod((await shake()).token)['ear.status']).toBe(status)
  })
})

test('a policy without trust claims gives a token with the status none', async () => {
  await withGrading('package policy\nother := 1\n', async () => {
    expect(submod((await shake()).token)['ear.status']).toBe('none')
  })
})

/** Where Trustee lets something through that ours refuses: each is listed in docs/trustee.md. */
const otherwise: readonly (readonly [
  topic: string,
  trustee: string,
  run: () => Promise<string>,
  ours: string | RegExp,
])[] = [
  ...['{"executables": 258}', '{"executables": 1000}', '{"nonsense": 2}', '{}', '"text"'].map(
    (claims) =>
      [
        `trust claims ${claims}`,
        'numbers are cut to 8 bits, an unknown name ends the thread',
        () => withGrading(graded(claims), async () => told((await shake()).answer)),
        attestFailed,
      ] as const,
  ),
  ['/metrics', 'open, with the path of each resource', () => one(ask('/metrics')), '404 '],
  [
    'an EAR by the key in its header',
    'taken with insecure_header_jwk',
    async () => one(read([['Authorization', 'Bearer a.b.c']])),
    /TokenVerifierError/,
  ],
  [
    'an audience that is another',
    'taken unless configured',
    async () =>
      one(
        asAdmin('resource-policy', 'GET', undefined, await adminJwt({ role: 'admin', exp: seconds(60), aud: 'other' })),
      ),
    noAdmin('Cannot verify'),
  ],
  [
    'a query that ends as an ACL wants it',
    'opens any path',
    () => one(v0('resource-policy?/kbs/v0/reference-value')),
    /AdminAuthAccess/,
  ],
  [
    'a message with one bad id among good ones',
    'stores what comes before it, in random order',
    async () => {
      const payload = Buffer.from('{"good_one":1,"b:d":1,"good_two":1}').toString('base64')
      await asAdmin('reference-value', 'POST', { type: 'sample', payload })
      return `${(await asAdmin('reference-value/good_one', 'GET')).status} ${(await asAdmin('reference-value/good_two', 'GET')).status}`
    },
    '401 401',
  ],
  [
    'a policy that fails when it is evaluated',
    'its reader is shown lines of it',
    async () => {
      const rego =
        'package policy\nallow := true\nallow := false if { input.submods.cpu0["ear.status"] == "affirming" }\n'
      await asAdmin('resource-policy', 'POST', { policy: b64u(rego) })
      const shown = await one(read([(await shake()).cookie]))
      await asAdmin('resource-policy', 'POST', { policy: b64u(allowAll) })
      return String(/submods|allow :=/.test(shown)) + shown.slice(0, 21)
    },
    'false401 PolicyEngineError',
  ],
]

test.each(otherwise)('otherwise than Trustee (%s: %s)', async (_topic, _trustee, run, ours) => {
  const found = await run()
  if (typeof ours === 'string') expect(found).toBe(ours)
  else expect(found).toMatch(ours)
})
