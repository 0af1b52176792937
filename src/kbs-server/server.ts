import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { InputError, messageOf } from '../base/errors.ts'
import { isLoopback } from '../base/loopback.ts'
import type { JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { embeddedAttestationPolicy } from '../kbs/rego/sample-policy.ts'
import { writeRego } from '../kbs/rego/write.ts'
import type { VerifyContext } from '../tee/verify/verifier.ts'
import { adminGate, type AdminCheck } from './admin.ts'
import { asDoor, type AsDoor } from './as-door.ts'
import { Failure, failure } from './failure.ts'
import { kbsDoor, type KbsDoor } from './kbs-door.ts'
import { hardwareJudge } from './hardware.ts'
import { serverKeys, type ServerKeys } from './keys.ts'
import { policies as openPolicies, type Policies } from './policies.ts'
import { sessions as openSessions, type Sessions } from './sessions.ts'
import { openStorage } from './storage.ts'
import type { Reply } from './reply.ts'

export interface KbsOptions {
  /** Absolute directory of keys, resources and policies; made 0700. */
  readonly directory: string
  /** `HOST:PORT` on loopback; port 0 takes a free one. */
  readonly listen: string
  readonly ports: Ports
  /** Rules and roots for evidence of hardware in place of the strict ones: for tests alone, no door sets it. */
  readonly hardware?: Partial<Pick<VerifyContext, 'rules' | 'trust'>>
}

export interface RunningKbs {
  /** Base URL of the KBS, without `/kbs/v0`. */
  url: string
  /** Base URL of the Attestation Service's door: the same. */
  asUrl: string
  keys: ServerKeys
  policies: Policies
  /** Whether bytes stand under a path `repository/type/tag`. */
  holds(path: string): Promise<boolean>
  close(): Promise<void>
}

const bodyLimit = 2 << 20
const jsonLimitText = 'payload reached size limit'

/**
 * The embedded KBS with the Attestation Service's REST interface, on one port (DESIGN §3). It speaks as a live Trustee was recorded to
 * (coco.md §12), verifies evidence of hardware with our own verifier (src/tee/verify) and takes `sample`, and believes no EAR but its own.
 *
 * @throws InputError `input-invalid` for an address that is not on loopback, or taken
 */
export async function startKbs({ directory, listen, ports, hardware }: KbsOptions): Promise<RunningKbs> {
  const at = listen.lastIndexOf(':')
  const host = listen.slice(0, at)
  const port = Number(listen.slice(at + 1))
  if (at < 0 || !isLoopback(host) || !Number.isInteger(port) || port < 0 || port > 65_535) throw badAddress(listen)
  const storage = await openStorage(directory, ports)
  const keys = await serverKeys(storage)
  const policies = openPolicies(storage)
  // Trustee ships one as well. It grades as contraindicated until reference values are there.
  if (!(await policies.attestationPolicies()).includes('default_cpu')) {
    await policies.offerAttestationPolicy('default_cpu', writeRego(embeddedAttestationPolicy()))
  }
  const judge = hardwareJudge(directory, ports, hardware)
  const sessions = openSessions(storage, keys, policies, ports, judge)
  const route = router({
    kbs: kbsDoor(storage, keys, policies, sessions, ports.clock),
    as: asDoor(keys, policies, ports.clock, judge),
    sessions,
    admin: adminGate(keys.adminPublic, ports.clock),
  })
  const server = createServer({ maxHeaderSize: 128 << 10 }, (request, response) => {
    void answer(request, response, route, ports)
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) => {
      storage.close()
      reject(badAddress(listen, cause))
    })
    server.listen(port, host.replace(/^\[|\]$/g, ''), resolve)
  })
  const url = `http://${host}:${(server.address() as AddressInfo).port}`
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => {
        storage.close()
        resolve()
      })
      server.closeAllConnections()
    })
  const holds = async (path: string): Promise<boolean> => (await storage.read('resources', path)) !== null
  return { url, asUrl: url, keys, policies, holds, close }
}

type Route = (request: IncomingMessage, body: Buffer) => Promise<Reply>

interface Parts {
  kbs: KbsDoor
  as: AsDoor
  sessions: Sessions
  admin: (check: AdminCheck) => Promise<void>
}

function router({ kbs, as, sessions, admin }: Parts): Route {
  return async (request, body) => {
    const target = request.url ?? ''
    const method = request.method ?? ''
    const path = target.split('?')[0] ?? ''
    if (!['GET', 'POST', 'PUT', 'DELETE'].includes(method)) throw new Failure(405, '')
    const at = `${method} ${path}`
    if (at === 'GET /healthz') return { status: 200, body: '', contentType: null }
    if (at === 'GET /.well-known/jwks.json') return as.jwks()
    if (at === 'GET /policy') return as.policies()
    if (at === 'POST /attestation') return as.attestation(serviceJson(request, body))
    if (!path.startsWith('/kbs/v0/')) throw new Failure(404, '')

    const [plugin = '', ...encoded] = path.slice('/kbs/v0/'.length).split('/')
    const rest = decoded(encoded)
    const { authorization } = request.headers
    const cookie = /(?:^|;\s*)kbs-session-id=([0-9a-f]{32})/.exec(request.headers.cookie ?? '')?.[1] ?? null
    const asAdmin = (isPlugin: boolean): Promise<void> => admin({ authorization, target, plugin: isPlugin })
    switch (`${method} ${plugin}`) {
      case 'POST auth':
        return session(sessions.auth(anyJson(body)))
      case 'POST attest':
        return session(await sessions.attest(cookie, anyJson(body)))
      // As Trustee, which takes any method that writes nothing for a read.
      case 'GET resource':
      case 'PUT resource':
        return kbs.read(rest, cookie, authorization)
      case 'POST resource':
        await asAdmin(true)
        return kbs.write(rest, body)
      case 'DELETE resource':
        await asAdmin(true)
        return kbs.remove(rest)
      case 'GET resource-policy':
        await asAdmin(false)
        return kbs.listResourcePolicies()
      case 'POST resource-policy':
        await asAdmin(false)
        return kbs.setResourcePolicy(body)
      case 'POST attestation-policy':
        await asAdmin(false)
        return kbs.setAttestationPolicy(body)
      case 'POST reference-value':
        await asAdmin(false)
        return kbs.setReferenceValues(body)
      case 'GET reference-value':
        await asAdmin(false)
        return kbs.referenceValue(rest.join('/'))
      default:
        throw failure('PluginNotFound', `Plugin ${plugin} not found`, 404)
    }
  }
}

function session({ answer: value, cookie }: { answer: JsonValue; cookie: string }): Reply {
  return { status: 200, body: JSON.stringify(value), contentType: 'application/json', cookie }
}

/** Trustee decodes before it splits: an encoded slash is a slash. */
function decoded(parts: readonly string[]): string[] {
  try {
    return decodeURIComponent(parts.join('/')).split('/')
  } catch {
    throw failure('PluginInternalError', 'Plugin internal error')
  }
}

/** A body that is no JSON is judged as one that lacks everything. */
function anyJson(body: Buffer): JsonValue {
  try {
    return JSON.parse(body.toString('utf8')) as JsonValue
  } catch {
    return null
  }
}

function serviceJson(request: IncomingMessage, body: Buffer): JsonValue {
  const type = 'text/plain; charset=utf-8'
  if (!/^application\/json\b/.test(request.headers['content-type'] ?? ''))
    throw new Failure(400, 'Content type error', type)
  try {
    return JSON.parse(body.toString('utf8')) as JsonValue
  } catch {
    throw new Failure(400, 'Json deserialize error: expected value at line 1 column 1', type)
  }
}

async function answer(request: IncomingMessage, response: ServerResponse, route: Route, ports: Ports): Promise<void> {
  let reply: Reply
  try {
    reply = await route(request, await bodyOf(request))
  } catch (error) {
    if (error instanceof Failure)
      reply = { status: error.status, body: error.body ?? '', contentType: error.contentType }
    else {
      ports.log.warn(`embedded KBS: ${request.method ?? ''} failed: ${messageOf(error)}`)
      reply = { status: 500, body: '', contentType: null }
    }
  }
  const headers: Record<string, string> = {}
  if (reply.contentType !== null) headers['content-type'] = reply.contentType
  if (reply.cookie !== undefined) headers['set-cookie'] = reply.cookie
  response.writeHead(reply.status, headers).end(reply.body)
}

async function bodyOf(request: IncomingMessage): Promise<Buffer> {
  const pieces: Buffer[] = []
  let size = 0
  for await (const piece of request as AsyncIterable<Buffer>) {
    size += piece.length
    if (size <= bodyLimit) pieces.push(piece)
  }
  if (size > bodyLimit) throw new Failure(413, jsonLimitText, 'text/plain; charset=utf-8')
  return Buffer.concat(pieces)
}

function badAddress(listen: string, cause?: unknown): InputError {
  return new InputError('input-invalid', `listen: the embedded KBS cannot serve on ${listen}`, {
    subject: 'listen',
    cause,
    remedy: 'Write 127.0.0.1:PORT with a free port: the embedded KBS serves this machine only.',
  })
}
