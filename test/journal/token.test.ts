import { SignJWT } from 'jose'
import { verifyToken } from '../../src/journal/token.ts'
import { pushClaims, startIssuer, type Issuer } from '../../testkit/oidc.ts'

const audience = 'https://sealwright.dev/key/abc'
const at = new Date()
let issuer: Issuer

beforeAll(async () => {
  issuer = await startIssuer()
})
afterAll(() => issuer.close())

const check = (jwt: string, change: Partial<{ issuer: string; audience: string; at: Date }> = {}): Promise<unknown> =>
  verifyToken(jwt, issuer.jwks as never, { issuer: issuer.url, audience, at, ...change })

test('a good token gives its claims', async () => {
  const claims = await verifyToken(await issuer.mint({ ...pushClaims }, audience), issuer.jwks as never, {
    issuer: issuer.url,
    audience,
    at,
  })
  expect(claims).toMatchObject({ repository: 'example/app', aud: audience, iss: issuer.url })
})

test.each([
  ['expired', 'token-expired', { lifetime: -3600 }],
  ['of a foreign issuer', 'token-invalid', { issuer: 'https://elsewhere.example' }],
  ['signed by a foreign key', 'token-invalid', { foreignKey: true }],
  ['issued in the future', 'token-invalid', { issuedAt: Math.floor(Date.now() / 1000) + 3600 }],
])('a token %s is refused: %s', async (_what, code, options) => {
  await expect(check(await issuer.mint({ ...pushClaims }, audience, options))).rejects.toMatchObject({ code })
})

test('a token for another key is refused by its audience', async () => {
  const jwt = await issuer.mint({ ...pushClaims }, 'https://sealwright.dev/key/other')
  await expect(check(jwt)).rejects.toMatchObject({ code: 'token-key-mismatch' })
})

test('a token with our audience among others is refused', async () => {
  const jwt = await issuer.mint({ ...pushClaims }, [audience, 'https://sealwright.dev/key/other'] as never)
  await expect(check(jwt)).rejects.toMatchObject({ code: 'token-key-mismatch' })
})

test('an unsigned or symmetric token is refused', async () => {
  const claims = Buffer.from(JSON.stringify({ iss: issuer.url, aud: audience, iat: 1, exp: 9e9 })).toString('base64url')
  const none = `${Buffer.from('{"alg":"none"}').toString('base64url')}.${claims}.`
  await expect(check(none)).rejects.toMatchObject({ code: 'token-invalid' })
  const symmetric = await new SignJWT({})
    .setProtectedHeader({ alg: 'HS256', kid: 'test-1' })
    .setIssuer(issuer.url)
    .setAudience(audience)
    .setIssuedAt()
    .setExpirationTime('5m')
    .sign(Buffer.alloc(32, 1))
  await expect(check(symmetric)).rejects.toMatchObject({ code: 'token-invalid' })
})

test('text that is no token is refused', async () => {
  await expect(check('hello')).rejects.toMatchObject({ code: 'token-invalid' })
})

test('a token judged at its own time holds although it has expired since', async () => {
  const issuedAt = Math.floor(Date.now() / 1000) - 86_400
  const jwt = await issuer.mint({ ...pushClaims }, audience, { issuedAt })
  await expect(check(jwt, { at: new Date(issuedAt * 1000) })).resolves.toMatchObject({ iat: issuedAt })
  await expect(check(jwt)).rejects.toMatchObject({ code: 'token-expired' })
})
