import { createServer, type RequestListener, type Server } from 'node:http'
import { createServer as createTlsServer } from 'node:https'
import type { AddressInfo } from 'node:net'
import { exportJWK, generateKeyPair, SignJWT, type JWK, type JWTPayload } from 'jose'

/** What {@link Issuer.mint} may change about a token; the rest is as the issuer's own door would write it. */
export interface MintOptions {
  /** Seconds since 1970; default now. */
  issuedAt?: number | undefined
  /** Seconds of life, may be negative. Default 600. */
  lifetime?: number | undefined
  issuer?: string | undefined
  /** Sign with a key that is not in the JWKS, under the published key's id. */
  foreignKey?: boolean | undefined
}

/** A loopback OIDC issuer that speaks as the workflow runner's token endpoint does. */
export interface Issuer {
  url: string
  /** For `ACTIONS_ID_TOKEN_REQUEST_URL`: holds a `?`, since clients append `&audience=`. */
  requestUrl: string
  /** For `ACTIONS_ID_TOKEN_REQUEST_TOKEN`. */
  requestToken: string
  jwks: { keys: JWK[] }
  mint(claims: JWTPayload, audience: string, options?: MintOptions): Promise<string>
  /** Claims that the endpoint writes into its tokens; tests may change them. */
  claims: JWTPayload
  /** When set, the endpoint answers this instead of a fresh token. */
  answer: string | null
  /** How the endpoint's own tokens are made wrong. */
  options: MintOptions
  /** Environment of a job that this issuer knows. */
  env(): Record<string, string>
  close(): Promise<void>
}

/** Claims of an ordinary push to the main branch, as GitHub writes them. */
export const pushClaims = {
  sub: 'repo:example/app:ref:refs/heads/main',
  repository: 'example/app',
  repository_id: '4711',
  repository_owner: 'example',
  repository_owner_id: '12',
  repository_visibility: 'private',
  ref: 'refs/heads/main',
  ref_type: 'branch',
  sha: 'a'.repeat(40),
  event_name: 'push',
  workflow: 'publish',
  workflow_ref: 'example/app/.github/workflows/publish.yml@refs/heads/main',
  workflow_sha: 'a'.repeat(40),
  job_workflow_ref: 'example/app/.github/workflows/publish.yml@refs/heads/main',
  job_workflow_sha: 'a'.repeat(40),
  run_id: '1001',
  run_number: '7',
  run_attempt: '1',
  runner_environment: 'self-hosted',
  actor: 'dev',
  actor_id: '99',
} as const

/**
 * Starts an issuer on a free loopback port.
 *
 * @param tls makes it one by https, under a name that only a proxy of the test leads to: the machine's agent asks no other kind
 */
export async function startIssuer(
  claims: JWTPayload = { ...pushClaims },
  tls: { name: string; key: Buffer; cert: Buffer } | null = null,
): Promise<Issuer> {
  const pair = await generateKeyPair('RS256', { extractable: true })
  const foreign = await generateKeyPair('RS256')
  const jwks = { keys: [{ ...(await exportJWK(pair.publicKey)), kid: 'test-1', use: 'sig', alg: 'RS256' }] }
  const requestToken = 'runner-request-token'
  let count = 0

  const issuer: Issuer = {
    url: '',
    requestUrl: '',
    requestToken,
    jwks,
    claims,
    answer: null,
    options: {},
    mint: async (more, audience, options = {}) => {
      const iat = options.issuedAt ?? Math.floor(Date.now() / 1000)
      return new SignJWT({ ...more, jti: `token-${++count}` })
        .setProtectedHeader({ alg: 'RS256', kid: 'test-1', typ: 'JWT' })
        .setIssuer(options.issuer ?? issuer.url)
        .setAudience(audience)
        .setIssuedAt(iat)
        .setNotBefore(iat - 5)
        .setExpirationTime(iat + (options.lifetime ?? 600))
        .sign(options.foreignKey === true ? foreign.privateKey : pair.privateKey)
    },
    env: () => ({ ACTIONS_ID_TOKEN_REQUEST_URL: issuer.requestUrl, ACTIONS_ID_TOKEN_REQUEST_TOKEN: requestToken }),
    close: () => close(server),
  }

  const answer: RequestListener = (request, response) => {
    const url = new URL(request.url ?? '/', issuer.url)
    const json = (status: number, value: unknown): void => {
      response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(value))
    }
    if (url.pathname === '/.well-known/openid-configuration') {
      json(200, {
        issuer: issuer.url,
        jwks_uri: `${issuer.url}/jwks`,
        id_token_signing_alg_values_supported: ['RS256'],
      })
    } else if (url.pathname === '/jwks') {
      json(200, jwks)
    } else if (url.pathname === '/token') {
      const audience = url.searchParams.get('audience')
      if (request.headers.authorization !== `Bearer ${requestToken}` || audience === null)
        return json(401, { message: 'no' })
      const token =
        issuer.answer === null ? issuer.mint(issuer.claims, audience, issuer.options) : Promise.resolve(issuer.answer)
      void token.then((value) => json(200, { count: value.length, value }))
    } else {
      json(404, { message: 'not found' })
    }
  }
  const server: Server = tls === null ? createServer(answer) : createTlsServer({ key: tls.key, cert: tls.cert }, answer)
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  issuer.url = tls === null ? `http://127.0.0.1:${port}` : `https://${tls.name}:${port}`
  issuer.requestUrl = `${issuer.url}/token?api-version=2.0`
  return issuer
}

function close(server: Server): Promise<void> {
  server.closeAllConnections()
  return new Promise((resolve) => server.close(() => resolve()))
}
