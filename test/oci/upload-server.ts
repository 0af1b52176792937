import { once } from 'node:events'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { createHash } from 'node:crypto'

/** How a registry for uploads misbehaves. */
export interface UploadFaults {
  /** The monolithic PUT and each PATCH break after so many bytes, so many times. */
  breaks?: { after: number; times: number }
  /** A larger body is refused with 413, as a proxy does. */
  largest?: number
  /** Sessions are forgotten when they have so many bytes, so many times. */
  forgets?: { at: number; times: number }
  /** Sent with each POST. */
  leastChunk?: number
  /** What `Range` says instead of the truth, once. */
  lies?: (length: number) => number
  /** Of a PATCH only so many bytes are taken, once. */
  takes?: number
  /** No `Range` is sent. */
  silent?: boolean
  /** The answer to the last PUT gets lost, so many times. */
  losesAnswer?: number
  /** A PATCH out of order is appended, not refused. */
  appends?: boolean
  /** What is kept of a body that breaks; all of it by default. */
  keeps?: number
}

interface Session {
  bytes: Buffer
  turn: number
}

/** A registry that takes uploads and is strict about them: each answer's `Location` is good for one request. */
export async function startUploads(faults: UploadFaults): Promise<{
  host: string
  blobs: Map<string, Buffer>
  asked: string[]
  close(): Promise<void>
}> {
  const blobs = new Map<string, Buffer>()
  const sessions = new Map<string, Session>()
  const asked: string[] = []
  const left = {
    breaks: faults.breaks?.times ?? 0,
    forgets: faults.forgets?.times ?? 0,
    lies: 1,
    takes: 1,
    loses: faults.losesAnswer ?? 0,
  }
  const place = (id: string, session: Session): string => `/v2/a/blobs/uploads/${id}?turn=${session.turn}`
  const error = (response: ServerResponse, status: number, code: string): void =>
    void response.writeHead(status).end(JSON.stringify({ errors: [{ code, message: 'no' }] }))

  const answer = async (request: IncomingMessage, response: ServerResponse): Promise<void> => {
    const url = new URL(request.url ?? '', 'http://x')
    const { method = '' } = request
    const range = request.headers['content-range']
    asked.push(range === undefined ? method : `${method} ${range}`)
    const blob = /\/blobs\/(sha\d+:[0-9a-f]+)$/.exec(url.pathname)?.[1]
    if (blob !== undefined) return void response.writeHead(blobs.has(blob) ? 200 : 404).end()
    if (method === 'POST') {
      const id = String(sessions.size)
      sessions.set(id, { bytes: Buffer.alloc(0), turn: 0 })
      if (faults.leastChunk !== undefined) response.setHeader('oci-chunk-min-length', String(faults.leastChunk))
      return void response.writeHead(202, { location: `/v2/a/blobs/uploads/${id}?turn=0` }).end()
    }
    const id = url.pathname.split('/').at(-1) ?? ''
    const session = sessions.get(id)
    if (session === undefined) return error(response, 404, 'BLOB_UPLOAD_UNKNOWN')
    if (method === 'GET') {
      if (faults.silent !== true) response.setHeader('range', `0-${Math.max(0, session.bytes.length - 1)}`)
      return void response.writeHead(204, { location: place(id, session) }).end()
    }
    if (url.searchParams.get('turn') !== String(session.turn)) return error(response, 404, 'BLOB_UPLOAD_INVALID')
    const length = Number(request.headers['content-length'] ?? 0)
    if (length > (faults.largest ?? Infinity)) return void response.writeHead(413, { connection: 'close' }).end()
    if (range !== undefined) {
      const [from, to] = range.split('-').map(Number)
      if (!/^\d+-\d+$/.test(range) || (to ?? 0) - (from ?? 0) + 1 !== length)
        return error(response, 400, 'SIZE_INVALID')
      if (from !== session.bytes.length && faults.appends !== true) return error(response, 416, 'BLOB_UPLOAD_INVALID')
    }
    const before = session.bytes
    const parts: Buffer[] = []
    let size = 0
    for await (const piece of request as AsyncIterable<Buffer>) {
      parts.push(piece)
      size += piece.length
      if (left.breaks > 0 && size >= (faults.breaks?.after ?? Infinity)) {
        left.breaks -= 1
        session.bytes = Buffer.concat([before, Buffer.concat(parts).subarray(0, faults.keeps ?? size)])
        request.destroy()
        return
      }
    }
    let got = Buffer.concat(parts)
    if (left.takes > 0 && faults.takes !== undefined && method === 'PATCH') {
      left.takes -= 1
      got = got.subarray(0, faults.takes)
    }
    session.bytes = Buffer.concat([before, got])
    session.turn += 1
    if (left.forgets > 0 && session.bytes.length >= (faults.forgets?.at ?? Infinity)) {
      left.forgets -= 1
      sessions.delete(id)
      sessions.set(`gone ${id}`, session)
      return error(response, 404, 'BLOB_UPLOAD_UNKNOWN')
    }
    if (method === 'PATCH') {
      let end = Math.max(0, session.bytes.length - 1)
      if (faults.lies !== undefined && left.lies-- > 0) end = faults.lies(end)
      if (faults.silent !== true) response.setHeader('range', `0-${end}`)
      return void response.writeHead(202, { location: place(id, session) }).end()
    }
    const digest = url.searchParams.get('digest') ?? ''
    const found = createHash(digest.split(':')[0] ?? '').update(session.bytes)
    sessions.delete(id)
    sessions.set(`done ${id}`, session)
    if (!digest.endsWith(`:${found.digest('hex')}`)) return error(response, 400, 'DIGEST_INVALID')
    blobs.set(digest, session.bytes)
    if (left.loses-- > 0) return void request.socket.destroy()
    response.writeHead(201).end()
  }
  const server = createServer((request, response) => {
    answer(request, response).catch(() => response.destroy())
  }).listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  return {
    host: `127.0.0.1:${address.port}`,
    blobs,
    asked,
    close: async () => {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    },
  }
}
