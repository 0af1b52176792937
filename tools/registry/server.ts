import { createServer as createHttp, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import { createServer as createHttps } from 'node:https'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import type { AddressInfo } from 'node:net'
import { setTimeout as wait } from 'node:timers/promises'
import { isLoopback } from '../../src/base/loopback.ts'
import { openAccess } from './access.ts'
import { sendBlob, serveBlob } from './blobs.ts'
import { answer, answerJson, refuse, Refusal, type Call } from './call.ts'
import { listCatalog, listReferrers, listTags } from './listing.ts'
import { serveManifest } from './manifests.ts'
import { parseQuirks } from './quirks.ts'
import { algorithmOf, routeOf } from './route.ts'
import { openStorage, type Storage } from './storage.ts'
import { continueUpload, startUpload } from './uploads.ts'

export interface RegistryOptions {
  /** Loopback address and port; port 0 takes a free one (default 127.0.0.1:0). */
  readonly addr?: string | undefined
  /** Names of quirks and presets, separated by commas. */
  readonly quirks?: string | undefined
  /** Paths of PEM files; with `clientCa` each client must show a certificate of that CA. */
  readonly tls?: { readonly cert: string; readonly key: string; readonly clientCa?: string | undefined } | undefined
  /** What another server of this process serves too; it is not removed at the end. Without it the server has its own. */
  readonly storage?: Storage | undefined
  /** Called with one line a request. */
  readonly log?: ((line: string) => void) | undefined
}

export interface ServedRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string
  /** Requests by method and kind (`GET manifest`), and events: `token`, `blob store`, `authorization at the blob store`. */
  requests(): Record<string, number>
  /** Stops listening and removes everything that was stored. */
  close(): Promise<void>
}

/**
 * Serves distribution-spec 1.1 on loopback, with quirks. Blobs lie in a temporary folder, everything else in memory.
 *
 * @throws Error for an address that other machines reach, and for an unknown quirk
 */
export async function serveRegistry(options: RegistryOptions = {}): Promise<ServedRegistry> {
  const [, name = '', port = ''] = /^(.+):(\d{1,5})$/.exec(options.addr ?? '127.0.0.1:0') ?? []
  if (!isLoopback(name)) throw new Error('this registry listens on loopback only')
  const quirks = parseQuirks(options.quirks ?? '')
  const storage = options.storage ?? openStorage()
  const remove = (): void => {
    if (options.storage === undefined) storage.remove()
  }
  const counts = new Map<string, number>()
  const note = (what: string): void => void counts.set(what, (counts.get(what) ?? 0) + 1)
  const turns = new Map<string, number>()
  const done = new Set<string>()
  const servers: Server[] = []
  const origins: Record<'registry' | 'token' | 'blobs', string> = { registry: '', token: '', blobs: '' }
  const scheme = options.tls === undefined ? 'http' : 'https'
  const access = openAccess(quirks, () => `${origins.token}/token`)

  const callOf = (request: IncomingMessage, response: ServerResponse): Call => ({
    request,
    response,
    url: new URL(request.url ?? '/', `${scheme}://${request.headers.host ?? 'localhost'}`),
    quirks,
    storage,
    note,
    isNth: (quirk) => {
      const every = quirks.value(quirk)
      if (every === undefined) return false
      const turn = (turns.get(quirk) ?? 0) + 1
      turns.set(quirk, turn)
      return turn % every === 0
    },
    once: (what) => quirks.has(what) && !done.has(what) && done.add(what) !== undefined,
    blobStore: quirks.has('cross-origin-redirect') ? origins.blobs : null,
  })

  const serve = async (call: Call): Promise<void> => {
    const { request, url } = call
    const path = decodeURIComponent(url.pathname)
    if (path === '/_requests') {
      if (request.method === 'DELETE') counts.clear()
      return answerJson(call, Object.fromEntries(counts))
    }
    if (path === '/token' && origins.token === origins.registry) return access.serveToken(call)
    const route = routeOf(path)
    note(`${request.method} ${route?.kind ?? 'unknown'}`)
    const latency = quirks.value('latency')
    if (latency !== undefined) await wait(latency)
    if (call.isNth('throttle'))
      throw new Refusal(429, 'TOOMANYREQUESTS', 'slow down', {
        'Retry-After': String(quirks.value('retry-after') ?? 1),
      })
    if (call.isNth('errors')) throw new Refusal(500, 'UNKNOWN', 'internal error')
    if (route === null) throw new Refusal(404, 'NAME_INVALID', `${path} is not a path of the specification`)
    if (request.method === 'HEAD' && quirks.has('no-head'))
      throw new Refusal(405, 'UNSUPPORTED', 'HEAD is not supported')
    access.check(call, route)
    switch (route.kind) {
      case 'base':
        return answerJson(call, {}, { 'Docker-Distribution-API-Version': 'registry/2.0' })
      case 'catalog':
        return listCatalog(call)
      case 'tags':
        return listTags(call, route.repository)
      case 'referrers':
        return listReferrers(call, route.repository, route.reference)
      case 'manifest':
        return serveManifest(call, route.repository, route.reference)
      case 'blob':
        return serveBlob(call, route.repository, route.reference)
      case 'uploads':
        return startUpload(call, route.repository)
      case 'upload':
        return continueUpload(call, route.repository, route.reference)
    }
  }

  /** Object stores refuse a request that is signed by its URL and has an Authorization header as well. */
  const serveStore = async (call: Call): Promise<void> => {
    note('blob store')
    if (call.request.headers.authorization !== undefined) {
      note('authorization at the blob store')
      return answer(call, 400, { 'Content-Type': 'application/xml' }, '<Error><Code>InvalidArgument</Code></Error>')
    }
    const digest = decodeURIComponent(call.url.pathname.slice(1))
    if (algorithmOf(digest) === null) return answer(call, 404)
    return sendBlob(call, digest, Number(call.url.searchParams.get('size')))
  }

  const listen = async (at: number, handler: (call: Call) => Promise<void>): Promise<string> => {
    const onRequest = (request: IncomingMessage, response: ServerResponse): void => {
      const call = callOf(request, response)
      response.on('finish', () => options.log?.(`${response.statusCode} ${request.method} ${request.url}`))
      handler(call).catch((error: unknown) => {
        // A body that nobody reads would keep the connection from the next request.
        request.resume()
        if (response.headersSent || response.destroyed) response.destroy()
        else refuse(call, error instanceof Refusal ? error : new Refusal(500, 'UNKNOWN', String(error)))
      })
    }
    const server = options.tls === undefined ? createHttp(onRequest) : createHttps(tlsOf(options.tls), onRequest)
    server.requestTimeout = 0
    servers.push(server)
    server.listen(at, name.replace(/^\[|\]$/g, ''))
    await once(server, 'listening')
    return `${name}:${(server.address() as AddressInfo).port}`
  }

  try {
    const host = await listen(Number(port), serve)
    origins.registry = `${scheme}://${host}`
    origins.token = origins.registry
    if (quirks.has('token-host')) {
      const place = await listen(0, (call) => access.serveToken(call))
      // Another name, too: go-containerregistry refuses a token service at the address of a private network.
      origins.token = `${scheme}://localhost:${place.split(':').at(-1)}`
    }
    if (quirks.has('cross-origin-redirect')) origins.blobs = `${scheme}://${await listen(0, serveStore)}`
    return {
      host,
      requests: () => Object.fromEntries(counts),
      close: async () => {
        await closeAll(servers)
        remove()
      },
    }
  } catch (error) {
    await closeAll(servers)
    remove()
    throw error
  }
}

async function closeAll(servers: readonly Server[]): Promise<void> {
  for (const server of servers) {
    server.closeAllConnections()
    if (server.listening) await new Promise((closed) => server.close(closed))
  }
}

function tlsOf({ cert, key, clientCa }: NonNullable<RegistryOptions['tls']>): object {
  return {
    cert: readFileSync(cert),
    key: readFileSync(key),
    ...(clientCa === undefined ? {} : { ca: readFileSync(clientCa), requestCert: true, rejectUnauthorized: true }),
  }
}
