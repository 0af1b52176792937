import { createServer, type Server } from 'node:http'
import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname } from 'node:path'
import { exportJWK, generateKeyPair, importJWK, SignJWT, type JWK } from 'jose'
import { z } from 'zod'
import { InputError } from '../../src/base/errors.ts'

/** An OIDC issuer on loopback that speaks the runner's token protocol, with a key and claims of its own. */
export interface Issuer {
  /** `iss` of its tokens. */
  readonly url: string
  readonly jwks: { keys: JWK[] }
  /** Opens the token endpoint for one job: variables for its steps. */
  forJob(claims: Record<string, string>): {
    ACTIONS_ID_TOKEN_REQUEST_URL: string
    ACTIONS_ID_TOKEN_REQUEST_TOKEN: string
  }
  /**
   * The same for a runner that gives all jobs of a run one environment (act): `check_run_id` then follows from the audience, which names the
   * job's agent.
   */
  forRun(claims: Record<string, string>): ReturnType<Issuer['forJob']>
  close(): Promise<void>
}

const lifetimeSeconds = 600

/** Port and private key of an issuer, so that a later run has the same one and a policy of an earlier run still names it. */
const keptSchema = z.object({ port: z.int().min(1).max(65_535), key: z.looseObject({ kty: z.string() }) })

/**
 * @param file keeps port and key for later runs; it is written (0600) where there is none. Without it each issuer has its own.
 * @throws InputError `file-invalid` where the file cannot be used, `state-conflict` where another program has the port
 */
export async function startIssuer(file?: string): Promise<Issuer> {
  const kept = file !== undefined && existsSync(file) ? readKept(file) : null
  const key = kept?.key ?? (await exportJWK((await generateKeyPair('RS256', { extractable: true })).privateKey))
  const privateKey = await importJWK(key, 'RS256')
  const { n, e } = key
  const kid = createHash('sha256').update(String(n)).digest('base64url').slice(0, 16)
  const jwks = { keys: [{ kty: 'RSA', n, e, kid, use: 'sig', alg: 'RS256' } as JWK] }
  const jobs = new Map<string, { claims: Record<string, string>; ofRun: boolean }>()
  let url = ''

  const answer = async (path: URL, bearer: string | undefined): Promise<{ status: number; body: unknown }> => {
    if (path.pathname === '/.well-known/openid-configuration') {
      const body = { issuer: url, jwks_uri: `${url}/jwks`, id_token_signing_alg_values_supported: ['RS256'] }
      return { status: 200, body }
    }
    if (path.pathname === '/jwks') return { status: 200, body: jwks }
    const found = jobs.get((bearer ?? '').replace(/^bearer /i, ''))
    if (path.pathname !== '/token') return { status: 404, body: { message: 'not found' } }
    if (found === undefined) return { status: 401, body: { message: 'unknown request token' } }
    const { claims, ofRun } = found
    const audience = path.searchParams.get('audience') ?? `https://localrun.invalid/${claims['repository_owner'] ?? ''}`
    const now = Math.floor(Date.now() / 1000)
    const value = await new SignJWT({ ...claims, ...(ofRun ? { check_run_id: numberOf(audience) } : {}) })
      .setProtectedHeader({ alg: 'RS256', typ: 'JWT', kid })
      .setIssuer(url)
      .setAudience(audience)
      .setSubject(`repo:${claims['repository'] ?? ''}:ref:${claims['ref'] ?? ''}`)
      .setJti(randomUUID())
      .setIssuedAt(now)
      .setNotBefore(now - 10)
      .setExpirationTime(now + lifetimeSeconds)
      .sign(privateKey)
    return { status: 200, body: { value, count: value.length } }
  }

  const server = createServer((request, response) => {
    answer(new URL(request.url ?? '/', url), request.headers.authorization)
      .catch((error: unknown) => ({ status: 500, body: { message: String(error) } }))
      .then(({ status, body }) => {
        response.writeHead(status, { 'content-type': 'application/json' })
        response.end(JSON.stringify(body))
      }, console.error)
  })
  const port = await listen(server, kept?.port ?? 0)
  url = `http://127.0.0.1:${port}`
  try {
    if (file !== undefined && kept === null) {
      mkdirSync(dirname(file), { recursive: true })
      writeFileSync(file, JSON.stringify({ port, key }), { mode: 0o600, flag: 'wx' })
    }
  } catch (error) {
    server.close()
    throw error
  }
  const open = (claims: Record<string, string>, ofRun: boolean): ReturnType<Issuer['forJob']> => {
    const token = randomBytes(24).toString('base64url')
    jobs.set(token, { claims, ofRun })
    return { ACTIONS_ID_TOKEN_REQUEST_URL: `${url}/token?api-version=2`, ACTIONS_ID_TOKEN_REQUEST_TOKEN: token }
  }
  return {
    url,
    jwks,
    forJob: (claims) => open(claims, false),
    forRun: (claims) => open(claims, true),
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function numberOf(audience: string): string {
  return String(createHash('sha256').update(audience).digest().readUInt32BE())
}

function readKept(file: string): z.infer<typeof keptSchema> {
  try {
    return keptSchema.parse(JSON.parse(readFileSync(file, 'utf8')))
  } catch (cause) {
    throw new InputError('file-invalid', `"${file}" does not hold the port and key of a local issuer`, {
      subject: 'issuer',
      cause,
      remedy: 'Name a file that does not exist yet, or one that an earlier run wrote.',
    })
  }
}

function listen(server: Server, port: number): Promise<number> {
  return new Promise((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        new InputError('state-conflict', `the local issuer cannot listen on 127.0.0.1:${port}: ${cause.message}`, {
          subject: 'issuer',
          cause,
          remedy: 'End the other run that has the same issuer file, or name another file.',
        }),
      ),
    )
    server.listen(port, '127.0.0.1', () => {
      const address = server.address()
      if (address === null || typeof address === 'string') reject(new Error('the issuer has no port'))
      else resolve(address.port)
    })
  })
}
