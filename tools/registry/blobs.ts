import { createReadStream } from 'node:fs'
import { pipeline } from 'node:stream/promises'
import { setTimeout as wait } from 'node:timers/promises'
import { answer, noMethod, Refusal, type Call } from './call.ts'
import { algorithmOf } from './route.ts'

/** `/v2/NAME/blobs/DIGEST` (distribution-spec, "Pulling blobs", "Deleting Blobs"). */
export async function serveBlob(call: Call, name: string, digest: string): Promise<void> {
  const { blobStore, request, storage } = call
  if (algorithmOf(digest) === null) throw new Refusal(400, 'DIGEST_INVALID', `${digest} is not a digest`)
  const repository = storage.repositories.get(name)
  const size = repository?.blobs.get(digest)
  if (size === undefined) throw new Refusal(404, 'BLOB_UNKNOWN', `${digest} is not known`)
  if (request.method === 'DELETE') {
    repository?.blobs.delete(digest)
    return answer(call, 202)
  }
  if (request.method !== 'GET' && request.method !== 'HEAD') throw noMethod(call)
  if (blobStore !== null && request.method === 'GET')
    return answer(call, 307, { Location: `${blobStore}/${digest}?size=${size}` })
  return sendBlob(call, digest, size)
}

/** Sends a blob or a range of it, with the faults that are switched on. */
export async function sendBlob(call: Call, digest: string, size: number): Promise<void> {
  const { quirks, request, response, storage } = call
  const range = quirks.has('no-range') ? null : rangeOf(request.headers.range, size)
  if (range === 'none')
    throw new Refusal(416, 'SIZE_INVALID', `the blob has ${size} bytes`, { 'Content-Range': `bytes */${size}` })
  const [start, last] = range ?? [0, size - 1]
  const isHalved = quirks.has('truncate') && request.method === 'GET'
  const length = isHalved ? Math.floor((last - start + 1) / 2) : last - start + 1
  response.writeHead(range === null ? 200 : 206, {
    'Content-Type': 'application/octet-stream',
    'Content-Length': String(length),
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
    ...(quirks.has('no-range') ? {} : { 'Accept-Ranges': 'bytes' }),
    ...(range === null ? {} : { 'Content-Range': `bytes ${start}-${last}/${size}` }),
  })
  if (request.method === 'HEAD' || length === 0) {
    response.end()
    return
  }
  const breaksAt = call.isNth('resets') ? Math.floor(length / 2) : Infinity
  const source = createReadStream(storage.blobPath(digest), { start, end: start + length - 1 })
  // A reader that goes away is no fault of this server.
  await pipeline(withFaults(call, source, { start, breaksAt }), response).catch(() => source.destroy())
}

async function* withFaults(
  { quirks, response }: Call,
  source: AsyncIterable<Buffer>,
  { start, breaksAt }: { start: number; breaksAt: number },
): AsyncGenerator<Buffer> {
  const rate = quirks.value('rate')
  let sent = 0
  for await (const chunk of source) {
    if (quirks.has('tampered') && start + sent === 0) chunk[0] = (chunk[0] ?? 0) ^ 1
    if (rate !== undefined) await wait((chunk.length / rate) * 1000)
    if (sent + chunk.length > breaksAt) {
      yield chunk.subarray(0, breaksAt - sent)
      // What was written must have left before the connection is cut.
      await wait(20)
      response.destroy()
      return
    }
    sent += chunk.length
    yield chunk
  }
}

/** Reads a `Range` header with one range (RFC 9110, 14.2); null where the whole is sent, `none` where nothing can be. */
function rangeOf(header: string | undefined, size: number): [number, number] | 'none' | null {
  const found = /^bytes=(\d*)-(\d*)$/.exec(header ?? '')
  const [from = '', to = ''] = found?.slice(1) ?? []
  if (found === null || (from === '' && to === '')) return null
  const start = from === '' ? Math.max(0, size - Number(to)) : Number(from)
  const last = from === '' || to === '' ? size - 1 : Math.min(Number(to), size - 1)
  return start >= size || last < start || (from === '' && Number(to) === 0) ? 'none' : [start, last]
}
