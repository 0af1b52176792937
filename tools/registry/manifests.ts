import { createHash } from 'node:crypto'
import { answer, noMethod, Refusal, type Call } from './call.ts'
import { algorithmOf, isTag } from './route.ts'
import type { Kept, Repository } from './storage.ts'

/** Bytes of a manifest; the specification wants 4 MiB at least. */
const largest = 8 << 20

/** `/v2/NAME/manifests/REFERENCE` (distribution-spec, "Pulling manifests", "Pushing Manifests", "Deleting Manifests"). */
export async function serveManifest(call: Call, name: string, reference: string): Promise<void> {
  switch (call.request.method) {
    case 'GET':
    case 'HEAD':
      return getManifest(call, name, reference)
    case 'PUT':
      return putManifest(call, name, reference)
    case 'DELETE':
      return deleteManifest(call, name, reference)
    default:
      throw noMethod(call)
  }
}

function find(call: Call, name: string, reference: string): Kept {
  const { quirks, storage } = call
  const repository = storage.repositories.get(name)
  if (repository === undefined) throw new Refusal(404, 'NAME_UNKNOWN', `${name} is not known`)
  let digest = algorithmOf(reference) === null ? repository.tags.get(reference)?.digest : reference
  if (digest === undefined && quirks.has('dash-tag-subject')) digest = reference.replace('-', ':')
  const kept = digest === undefined ? undefined : repository.manifests.get(digest)
  if (kept === undefined || (quirks.has('pull-through') && isAbsentChild(repository, kept.digest)))
    throw new Refusal(404, 'MANIFEST_UNKNOWN', `${reference} is not known`)
  return kept
}

function getManifest(call: Call, name: string, reference: string): void {
  const { quirks, request } = call
  const kept = find(call, name, reference)
  const accept = request.headers.accept ?? ''
  if (quirks.has('accept-strict') && !accept.includes(kept.mediaType))
    throw new Refusal(404, 'MANIFEST_UNKNOWN', `${reference} is not known in a type that Accept names`)
  const told = quirks.has('digest-lie') ? kept.digest.replace(/.$/, (last) => (last === '0' ? '1' : '0')) : kept.digest
  const etag = `"${kept.digest}"`
  const headers = { 'Content-Type': kept.mediaType, 'Docker-Content-Digest': told, ETag: etag }
  if (request.headers['if-none-match'] === etag && !quirks.has('no-ifmatch')) return answer(call, 304, headers)
  if (request.method === 'HEAD') {
    call.response.writeHead(200, { ...headers, 'Content-Length': String(kept.bytes.length) }).end()
    return
  }
  answer(call, 200, headers, kept.bytes)
}

async function putManifest(call: Call, name: string, reference: string): Promise<void> {
  const { quirks, storage, url } = call
  const bytes = await readBody(call, quirks.value('max-manifest') ?? largest)
  const mediaType = (call.request.headers['content-type'] ?? '').split(';')[0]?.trim() ?? ''
  const algorithm = algorithmOf(reference) ?? 'sha256'
  const digest = `${algorithm}:${createHash(algorithm).update(bytes).digest('hex')}`
  if (!isTag(reference) && reference !== digest)
    throw new Refusal(400, 'DIGEST_INVALID', `the manifest has the digest ${digest}, not ${reference}`)
  const content = parse(bytes)
  if (mediaType === '' || (content['mediaType'] ?? mediaType) !== mediaType)
    throw new Refusal(400, 'MANIFEST_INVALID', `Content-Type is "${mediaType}", but mediaType is not`)
  const repository = storage.open(name)
  checkContent(call, repository, content)
  const tags = isTag(reference) ? [reference] : url.searchParams.getAll('tag')
  if (!tags.every(isTag)) throw new Refusal(400, 'TAG_INVALID', 'a parameter "tag" is not a tag')
  for (const tag of tags) checkTag(call, repository, tag, digest)
  checkConditions(
    call,
    isTag(reference) ? repository.tags.get(reference)?.digest : repository.manifests.get(digest)?.digest,
  )

  const at = performance.now()
  if (!repository.manifests.has(digest)) repository.manifests.set(digest, { digest, mediaType, bytes, content, at })
  for (const tag of tags) if (repository.tags.get(tag)?.digest !== digest) repository.tags.set(tag, { digest, at })
  const subject = subjectOf(content)
  if (subject !== null) {
    const group = repository.referrers.get(subject) ?? new Set()
    repository.referrers.set(subject, group.add(digest))
  }
  const isSilent = (['no-referrers', 'referrers-405', 'referrers-empty-200', 'referrers-html-200'] as const).some(
    (one) => quirks.has(one),
  )
  answer(call, 201, {
    Location: `/v2/${name}/manifests/${digest}`,
    'Docker-Content-Digest': digest,
    ETag: `"${digest}"`,
    ...(subject === null || isSilent ? {} : { 'OCI-Subject': subject }),
    ...(isTag(reference) || tags.length === 0 ? {} : { 'OCI-Tag': tags }),
  })
}

function deleteManifest(call: Call, name: string, reference: string): void {
  const repository = call.storage.repositories.get(name)
  if (algorithmOf(reference) === null) {
    if (repository?.tags.delete(reference) !== true)
      throw new Refusal(404, 'MANIFEST_UNKNOWN', `${reference} is not known`)
    return answer(call, 202)
  }
  const kept = repository?.manifests.get(reference)
  if (repository === undefined || kept === undefined)
    throw new Refusal(404, 'MANIFEST_UNKNOWN', `${reference} is not known`)
  repository.manifests.delete(reference)
  for (const [tag, { digest }] of repository.tags) if (digest === reference) repository.tags.delete(tag)
  const subject = subjectOf(kept.content)
  if (subject !== null) repository.referrers.get(subject)?.delete(reference)
  answer(call, 202)
}

function parse(bytes: Buffer): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Told below, as any other manifest that cannot be read.
  }
  throw new Refusal(400, 'MANIFEST_INVALID', 'the manifest is not a JSON object')
}

/** Refuses a manifest that names blobs or manifests which the repository lacks; its subject may be missing. */
function checkContent({ quirks }: Call, repository: Repository, content: Readonly<Record<string, unknown>>): void {
  const { layers, config } = content
  if (Array.isArray(layers) && layers.length === 0 && quirks.has('reject-empty-layers'))
    throw new Refusal(400, 'MANIFEST_INVALID', 'a manifest needs a layer')
  if (content['subject'] !== undefined && quirks.has('no-subject'))
    throw new Refusal(400, 'MANIFEST_INVALID', 'unknown field "subject"')
  if (quirks.has('sparse')) return
  for (const [list, known] of [
    [[config, ...asList(layers)], repository.blobs],
    [asList(content['manifests']), repository.manifests],
  ] as const) {
    for (const item of list) {
      const { digest, mediaType, urls } = (item ?? {}) as { digest?: string; mediaType?: string; urls?: unknown }
      const isElsewhere = urls !== undefined || /nondistributable|foreign/.test(mediaType ?? '')
      if (digest !== undefined && !known.has(digest) && !isElsewhere)
        throw new Refusal(404, 'MANIFEST_BLOB_UNKNOWN', `the manifest names ${digest}, which is not known`)
    }
  }
}

function checkTag({ quirks }: Call, repository: Repository, tag: string, digest: string): void {
  const old = repository.tags.get(tag)?.digest
  if (quirks.has('immutable-tags') && old !== undefined && old !== digest)
    throw new Refusal(400, 'TAG_INVALID', `the tag ${tag} exists and cannot be overwritten`)
}

/** Conditional writes (RFC 9110, 13.1): the entity tag of a manifest is its digest. */
function checkConditions({ quirks, request }: Call, current: string | undefined): void {
  if (quirks.has('no-ifmatch')) return
  const { 'if-match': match, 'if-none-match': none } = request.headers
  const isNamed = (list: string): boolean =>
    current !== undefined && (list.trim() === '*' || list.split(',').some((one) => one.trim() === `"${current}"`))
  if ((match !== undefined && !isNamed(match)) || (none !== undefined && isNamed(none)))
    throw new Refusal(412, 'PRECONDITION_FAILED', 'the manifest was changed by somebody else')
}

/** Whether an index names a manifest as that of a platform which a cache did not fetch. */
function isAbsentChild(repository: Repository, digest: string): boolean {
  for (const { content } of repository.manifests.values()) {
    for (const item of asList(content['manifests'])) {
      const child = item as { digest?: string; platform?: { os?: string; architecture?: string } }
      if (child.digest === digest && child.platform !== undefined)
        return child.platform.os !== 'linux' || child.platform.architecture !== 'amd64'
    }
  }
  return false
}

function subjectOf(content: Readonly<Record<string, unknown>>): string | null {
  const digest = (content['subject'] as { digest?: unknown } | null | undefined)?.digest
  return typeof digest === 'string' ? digest : null
}

function asList(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : []
}

async function readBody({ request }: Call, limit: number): Promise<Buffer> {
  const chunks: Buffer[] = []
  let size = 0
  for await (const chunk of request as AsyncIterable<Buffer>) {
    size += chunk.length
    // The rest is read and dropped, because a client that still sends would not see an answer.
    if (size <= limit) chunks.push(chunk)
  }
  if (size > limit) throw new Refusal(413, 'MANIFEST_INVALID', `a manifest may have ${limit} bytes`)
  return Buffer.concat(chunks)
}
