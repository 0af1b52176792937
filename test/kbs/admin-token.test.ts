import { generateKeyPairSync } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { decodeJwt, jwtVerify } from 'jose'
import { readInputs } from '../../src/actions/kbs-publish/inputs.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import type { HttpRequest } from '../../src/base/ports.ts'
import { adminClaims, adminToken, usualClaims } from '../../src/kbs/admin-token.ts'
import { kbsAdmin } from '../../src/kbs/client.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { fakeHttp, scratch, testPorts } from '../../testkit/ports.ts'

const ports = testPorts()
const pem = (
  type: 'ec' | 'ed25519',
): { text: string; publicKey: ReturnType<typeof generateKeyPairSync>['publicKey'] } => {
  const pair = type === 'ec' ? generateKeyPairSync('ec', { namedCurve: 'P-256' }) : generateKeyPairSync('ed25519')
  return { text: pair.privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(), publicKey: pair.publicKey }
}

test.each(['ec', 'ed25519'] as const)(
  'a token of an %s key: one for each request, two minutes, the claims that were asked for',
  async (type) => {
    const { text, publicKey } = pem(type)
    let at = 0
    const clock = { ...ports.clock, now: () => new Date(Date.UTC(2026, 0, 1) + at) }
    const bearers: string[] = []
    const http = fakeHttp(async (_, options: HttpRequest = {}) => {
      bearers.push(options.headers?.['authorization'] ?? '')
      return new Response('[]')
    })
    const claims = { role: 'ci', issuer: 'https://ci.example', audience: 'kbs-one' }
    const admin = kbsAdmin('http://127.0.0.1:1', adminToken(text, clock, claims), { ...ports, http })
    await admin.resourcePolicies()
    at = 119_000
    await admin.resourcePolicies()
    const [first, second] = bearers.map((bearer) => decodeJwt(bearer.replace(/^Bearer /, '')))
    expect(first).toEqual({
      role: 'ci',
      iss: 'https://ci.example',
      sub: 'admin',
      aud: 'kbs-one',
      iat: 1767225600,
      exp: 1767225720,
    })
    expect(second?.exp).toBe(1767225720 + 119)
    await jwtVerify(bearers[0]?.replace('Bearer ', '') ?? '', publicKey as never, {
      currentDate: new Date(Date.UTC(2026, 0, 1)),
    })
  },
)

test('a ready token is sent as it is', async () => {
  expect(await adminToken(' aa.bb.cc\n', ports.clock, { ...usualClaims, role: 'ci' })()).toBe('aa.bb.cc')
})

test.each([
  [
    'a P-384 key',
    generateKeyPairSync('ec', { namedCurve: 'P-384' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  ],
  [
    'an RSA key',
    generateKeyPairSync('rsa', { modulusLength: 2048 }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  ],
  ['a public key', generateKeyPairSync('ed25519').publicKey.export({ type: 'spki', format: 'pem' }).toString()],
  ['text', 'secret'],
])('%s is no admin credential', (_, text) => {
  expect(() => adminToken(text, ports.clock)).toThrow('neither an EC P-256 or Ed25519 private key nor a token')
})

test('an empty input is the usual claim', () => {
  expect(adminClaims({ role: '', issuer: '', audience: 'x' })).toEqual({ ...usualClaims, audience: 'x' })
})

test('a role that the KBS does not allow is refused, and so is another audience', async () => {
  const directory = scratch('kbs')
  const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
  const key = readFileSync(join(directory, 'admin-key.pem'), 'utf8')
  for (const change of [{ role: 'ci' }, { audience: 'another' }]) {
    const admin = kbsAdmin(kbs.url, adminToken(key, ports.clock, { ...usualClaims, ...change }), ports)
    await expect(admin.resourcePolicies()).rejects.toMatchObject({
      code: 'unauthorized',
      remedy: expect.stringContaining('`admin-role`') as string,
    })
  }
  await kbs.close()
})

test('an embedded KBS has its own admin: neither key nor role is taken for it', async () => {
  const given = (more: Record<string, string>): ReturnType<typeof rawInputs> =>
    rawInputs({
      given: (name) => ({ 'kbs-url': 'embedded:kbs', mode: 'apply', ...more })[name],
      defaults: {},
      ports,
      confine: null,
      label: (name) => name,
    })
  expect((await readInputs(given({}), ports)).admin).toEqual(usualClaims)
  await expect(readInputs(given({ 'admin-role': 'ci' }), ports)).rejects.toMatchObject({ code: 'input-invalid' })
  expect((await readInputs(given({ 'admin-role': 'admin' }), ports)).admin).toEqual(usualClaims)
})
