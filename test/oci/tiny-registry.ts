import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { once } from 'node:events'
import { sha256 } from '../../src/base/streams.ts'
import { fallbackTag } from '../../src/oci/digest.ts'
import { mediaTypes, type Digest } from '../../src/oci/types.ts'

/** What a registry of this test does otherwise than distribution-spec 1.1 says. */
export interface Habits {
  /** What `GET referrers/DIGEST` answers: the listing, or something that is none. */
  referrers?: 'listed' | 404 | 405 | 'empty' | 'null' | 'html' | 'late' | undefined
  /** Sends `OCI-Subject`. */
  subjectHeader?: boolean | undefined
  /** `If-Match` of a PUT: honoured, ignored, answered with 400, or with 412 whatever stands there. */
  ifMatch?: 'honoured' | 'ignored' | 'refused' | 'always-412' | undefined
  /** GitLab: the tag `sha256-HEX` that nobody wrote is the manifest itself. */
  dashTag?: boolean | undefined
  /** `Link` of a page of referrers. */
  link?: ((page: number, host: string) => string | null) | undefined
  /** Called before a tag is written; may write itself. */
  beforeTag?: ((registry: TinyRegistry, tag: string) => void) | undefined
}

interface Held {
  bytes: Buffer
  type: string
}

/** A registry that holds one repository in memory. */
export interface TinyRegistry {
  readonly host: string
  readonly tags: Map<string, Digest>
  readonly manifests: Map<Digest, Held>
  readonly blobs: Map<string, Buffer>
  readonly asked: string[]
  /** Puts a manifest past every rule. */
  place(document: object, tag?: string, type?: string): Digest
  /** Digests that the fallback index of a manifest lists. */
  fallback(subject: Digest): Digest[]
  close(): Promise<void>
}

export async function tinyRegistry(habits: Habits = {}): Promise<TinyRegistry> {
  const blobs = new Map<string, Buffer>()
  let looks = 0
  const server = createServer((request, response) => {
    const chunks: Buffer[] = []
    request.on('data', (chunk: Buffer) => chunks.push(chunk))
    request.on('end', () => answer(request, response, Buffer.concat(chunks)))
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  const registry: TinyRegistry = {
    host: `127.0.0.1:${typeof address === 'object' ? address?.port : 0}`,
    tags: new Map(),
    manifests: new Map(),
    blobs,
    asked: [],
    place(document, tag, type = mediaTypes.manifest) {
      const bytes = Buffer.from(JSON.stringify(document))
      const digest = sha256(bytes)
      registry.manifests.set(digest, { bytes, type })
      if (tag !== undefined) registry.tags.set(tag, digest)
      return digest
    },
    fallback(subject) {
      const held = registry.manifests.get(registry.tags.get(fallbackTag(subject)) ?? 'sha256:')
      if (held === undefined) return []
      return (JSON.parse(held.bytes.toString()) as { manifests: { digest: Digest }[] }).manifests.map(
        ({ digest }) => digest,
      )
    },
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }

  function answer(request: IncomingMessage, response: ServerResponse, body: Buffer): void {
    const url = new URL(request.url ?? '', 'http://x')
    const [, kind = '', name = ''] = /\/(manifests|blobs|referrers|tags)\/(.+)$/.exec(url.pathname) ?? []
    registry.asked.push(`${request.method} ${kind}/${name}`)
    if (kind === 'tags') return void response.end(JSON.stringify({ tags: [...registry.tags.keys()] }))
    if (kind === 'referrers') return referrers(response, name as Digest, url)
    if (kind === 'blobs') return blob(request, response, url, body)
    if (request.method === 'PUT') return put(request, response, name, body)
    const digest = find(name)
    const held = registry.manifests.get(digest)
    if (held === undefined) return void response.writeHead(404).end()
    response.writeHead(200, { 'content-type': held.type, 'docker-content-digest': digest, etag: `"${digest}"` })
    response.end(request.method === 'HEAD' ? undefined : held.bytes)
  }

  function find(name: string): Digest {
    const digest = name.startsWith('sha256:') ? (name as Digest) : registry.tags.get(name)
    const dashed: Digest = `sha256:${name.replace('sha256-', '')}`
    return digest ?? (habits.dashTag === true && registry.manifests.has(dashed) ? dashed : 'sha256:')
  }

  function put(request: IncomingMessage, response: ServerResponse, name: string, body: Buffer): void {
    const digest = sha256(body)
    if (!name.startsWith('sha256:')) habits.beforeTag?.(registry, name)
    const wanted = request.headers['if-match']
    const none = request.headers['if-none-match']
    const conditional = wanted !== undefined || none !== undefined
    const stands = registry.tags.get(name)
    if (conditional && habits.ifMatch === 'refused') return void response.writeHead(400).end()
    if (conditional && habits.ifMatch === 'always-412') return void response.writeHead(412).end()
    const fails = wanted === undefined ? stands !== undefined : wanted !== `"${stands}"`
    if (conditional && habits.ifMatch === 'honoured' && fails) return void response.writeHead(412).end()
    registry.manifests.set(digest, { bytes: body, type: request.headers['content-type'] ?? '' })
    if (!name.startsWith('sha256:')) registry.tags.set(name, digest)
    const about = subjectOf(body)
    response.writeHead(201, habits.subjectHeader === true && about !== null ? { 'oci-subject': about } : {}).end()
  }

  function referrers(response: ServerResponse, subject: Digest, url: URL): void {
    const { referrers: how = 'listed' } = habits
    const entries = [...registry.manifests]
      .filter(([, { bytes }]) => subjectOf(bytes) === subject)
      .map(([digest, { bytes, type }]) => ({ mediaType: type, digest, size: bytes.length }))
    const send = (manifests: unknown, type: string = mediaTypes.index): void => {
      const page = Number(url.searchParams.get('page') ?? 0)
      const link = habits.link?.(page, registry.host) ?? null
      if (link !== null) response.setHeader('link', `<${link}>; rel="next"`)
      response.setHeader('content-type', type).end(JSON.stringify({ schemaVersion: 2, mediaType: type, manifests }))
    }
    if (how === 404 || how === 405) response.writeHead(how).end('no such page')
    else if (how === 'html') response.setHeader('content-type', 'text/html').end('<html></html>')
    else if (how === 'null') send(null)
    else if (how === 'empty' || (how === 'late' && looks++ < 3)) send([])
    else if (habits.link === undefined) send(entries)
    else send(entries.slice(Number(url.searchParams.get('page') ?? 0)).slice(0, 1))
  }

  function blob(request: IncomingMessage, response: ServerResponse, url: URL, body: Buffer): void {
    if (request.method === 'POST') response.writeHead(202, { location: '/v2/a/blobs/uploads/1' }).end()
    else if (request.method === 'PUT') {
      blobs.set(url.searchParams.get('digest') ?? '', body)
      response.writeHead(201).end()
    } else {
      const held = blobs.get(url.pathname.slice(url.pathname.lastIndexOf('/') + 1))
      response.writeHead(held === undefined ? 404 : 200).end(request.method === 'HEAD' ? undefined : held)
    }
  }
  return registry
}

function subjectOf(bytes: Buffer): string | null {
  try {
    return (JSON.parse(bytes.toString()) as { subject?: { digest?: string } }).subject?.digest ?? null
  } catch {
    return null
  }
}
