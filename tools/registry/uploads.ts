import { createHash, randomUUID } from 'node:crypto'
import { createReadStream } from 'node:fs'
import { open, rename, rm } from 'node:fs/promises'
import { answer, noMethod, Refusal, type Call } from './call.ts'
import { algorithmOf } from './route.ts'
import type { Upload } from './storage.ts'

/** `POST /v2/NAME/blobs/uploads/`: begins an upload, takes a whole blob, or mounts one (distribution-spec, "Pushing blobs"). */
export async function startUpload(call: Call, name: string): Promise<void> {
  const { quirks, request, storage, url } = call
  if (request.method !== 'POST') throw noMethod(call)
  const mount = url.searchParams.get('mount')
  if (mount !== null && !quirks.has('no-mount')) {
    const from = url.searchParams.get('from')
    const places = from === null ? [...storage.repositories.keys()] : [from]
    const size = places
      .map((place) => storage.repositories.get(place)?.blobs.get(mount))
      .find((one) => one !== undefined)
    if (size !== undefined) {
      storage.open(name).blobs.set(mount, size)
      return created(call, name, mount)
    }
  }
  const algorithm = url.searchParams.get('digest-algorithm')
  if (algorithm !== null && algorithm !== 'sha256' && algorithm !== 'sha512')
    throw new Refusal(400, 'DIGEST_INVALID', `digests by ${algorithm} are not supported`)
  const id = randomUUID()
  const upload: Upload = {
    id,
    repository: name,
    path: storage.uploadPath(id),
    state: randomUUID(),
    size: 0,
    hash: createHash('sha256'),
    isShort: false,
    idle: Promise.resolve(),
  }
  await (await open(upload.path, 'w')).close()
  storage.uploads.set(id, upload)
  const digest = url.searchParams.get('digest')
  if (digest !== null) return closeUpload(call, upload, digest)
  request.resume()
  progress(call, upload, 202)
}

/** `/v2/NAME/blobs/uploads/ID`: a chunk, the end, the state or the cancelling of an upload. */
export async function continueUpload(call: Call, name: string, id: string): Promise<void> {
  const { request, storage, url } = call
  const upload = storage.uploads.get(id)
  if (upload === undefined || upload.repository !== name) throw lost(id)
  await upload.idle
  switch (request.method) {
    case 'GET':
      return progress(call, upload, 204)
    case 'DELETE':
      await forget(call, upload)
      return answer(call, 204)
    case 'PATCH':
    case 'PUT': {
      if (call.once('session-lost')) {
        await forget(call, upload)
        throw lost(id)
      }
      // A Location is used once: a client that builds its own, or goes on using an older one, would fail elsewhere.
      if (url.searchParams.get('_state') !== upload.state) throw lost(id)
      const digest = url.searchParams.get('digest')
      if (request.method === 'PUT') return closeUpload(call, upload, digest ?? '')
      await append(call, upload)
      upload.state = randomUUID()
      return progress(call, upload, 202)
    }
    default:
      throw noMethod(call)
  }
}

async function closeUpload(call: Call, upload: Upload, digest: string): Promise<void> {
  const algorithm = algorithmOf(digest)
  if (algorithm === null) throw new Refusal(400, 'DIGEST_INVALID', `"${digest}" is not a digest`)
  await append(call, upload)
  const found = `${algorithm}:${algorithm === 'sha256' ? upload.hash.copy().digest('hex') : await sha512Of(upload.path)}`
  if (found !== digest) {
    await forget(call, upload)
    throw new Refusal(400, 'DIGEST_INVALID', `the blob has the digest ${found}, not ${digest}`)
  }
  const { storage } = call
  await rename(upload.path, storage.blobPath(digest))
  storage.uploads.delete(upload.id)
  storage.open(upload.repository).blobs.set(digest, upload.size)
  created(call, upload.repository, digest)
}

/** Appends a request's body, in order only. What came before a broken connection is kept. */
async function append(call: Call, upload: Upload): Promise<void> {
  const { quirks, request } = call
  const declared = Number(request.headers['content-length'] ?? 0)
  const range = /^(\d+)-(\d+)$/.exec(request.headers['content-range'] ?? '')
  if (request.headers['content-range'] !== undefined) {
    const [from, to] = [Number(range?.[1]), Number(range?.[2])]
    if (range === null || from !== upload.size || to - from + 1 !== declared) throw outOfOrder(call, upload)
  }
  if (declared > (quirks.value('max-chunk') ?? Infinity))
    throw new Refusal(413, 'SIZE_INVALID', `a request may have ${quirks.value('max-chunk')} bytes`)
  const chunkMin = quirks.value('chunk-min') ?? 0
  if (upload.isShort && declared > 0)
    throw new Refusal(400, 'SIZE_INVALID', `chunks but the last have at least ${chunkMin} bytes`)
  if (request.method === 'PATCH' && range !== null && declared < chunkMin) upload.isShort = true

  const breaks = (declared > 0 || request.headers['transfer-encoding'] !== undefined) && call.isNth('break-upload')
  const { promise, resolve } = Promise.withResolvers<void>()
  upload.idle = promise
  const file = await open(upload.path, 'a')
  try {
    for await (const chunk of request as AsyncIterable<Buffer>) {
      await file.write(chunk)
      upload.hash.update(chunk)
      upload.size += chunk.length
      if (breaks) {
        request.socket.destroy()
        throw new Error('the connection was cut')
      }
    }
  } finally {
    await file.close()
    resolve()
  }
}

/** Where to go on, and how much has come: an empty upload has the range 0-0 too, as in docker-registry. */
function progress(call: Call, upload: Upload, status: number): void {
  const chunkMin = call.quirks.value('chunk-min')
  answer(call, status, {
    Location: locationOf(call, upload),
    Range: `0-${Math.max(0, upload.size - 1)}`,
    'Docker-Upload-UUID': upload.id,
    ...(chunkMin === undefined || status !== 202 ? {} : { 'OCI-Chunk-Min-Length': String(chunkMin) }),
  })
}

function locationOf({ quirks, request, url }: Call, { repository, id, state }: Upload): string {
  const path = `/v2/${repository}/blobs/uploads/${id}?_state=${state}`
  if (quirks.has('http-location')) return `http://${request.headers.host}${path}`
  return quirks.has('absolute-location') ? `${url.origin}${path}` : path
}

function created(call: Call, name: string, digest: string): void {
  call.request.resume()
  answer(call, 201, { Location: `/v2/${name}/blobs/${digest}`, 'Docker-Content-Digest': digest })
}

async function forget({ storage }: Call, upload: Upload): Promise<void> {
  storage.uploads.delete(upload.id)
  await rm(upload.path, { force: true })
}

function lost(id: string): Refusal {
  return new Refusal(404, 'BLOB_UPLOAD_UNKNOWN', `the upload ${id} is not known in this state`)
}

function outOfOrder(call: Call, upload: Upload): Refusal {
  return new Refusal(416, 'BLOB_UPLOAD_INVALID', `the upload has ${upload.size} bytes`, {
    Location: locationOf(call, upload),
    Range: `0-${Math.max(0, upload.size - 1)}`,
  })
}

async function sha512Of(path: string): Promise<string> {
  const hash = createHash('sha512')
  for await (const chunk of createReadStream(path) as AsyncIterable<Buffer>) hash.update(chunk)
  return hash.digest('hex')
}
