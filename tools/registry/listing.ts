import { answer, answerJson, noMethod, Refusal, type Call } from './call.ts'
import { algorithmOf } from './route.ts'
import type { Kept, Repository } from './storage.ts'

const indexType = 'application/vnd.oci.image.index.v1+json'
/** Bytes of one page of referrers: clients need not take more than a manifest may have. */
const pageBytes = 4 << 20

/** `GET /v2/NAME/tags/list` (distribution-spec, "Listing Tags"). */
export function listTags(call: Call, name: string): void {
  const { quirks, storage, url } = call
  if (call.request.method !== 'GET' && call.request.method !== 'HEAD') throw noMethod(call)
  const repository = storage.repositories.get(name)
  if (repository === undefined) throw new Refusal(404, 'NAME_UNKNOWN', `${name} is not known`)
  const seen = [...repository.tags].filter(([, { at }]) => isListed(call, at)).map(([tag]) => tag)
  const all = quirks.has('unsorted-tags') ? seen : seen.sort()
  const text = url.searchParams.get('n')
  if (text !== null && !/^[0-9]{1,9}$/.test(text)) throw new Refusal(400, 'UNSUPPORTED', 'n is not a number')
  const ignores = quirks.has('ignore-n')
  const limit = Math.min(text === null || ignores ? Infinity : Number(text), quirks.value('page') ?? Infinity)
  const last = ignores ? null : url.searchParams.get('last')
  // In an unsorted list "after" is a place, not an order.
  const rest =
    last === null
      ? all
      : quirks.has('unsorted-tags')
        ? all.slice(all.indexOf(last) + 1)
        : all.filter((tag) => tag > last)
  const tags = rest.slice(0, limit)
  const next = new URLSearchParams({ n: String(limit), last: tags.at(-1) ?? '' })
  answerJson(
    call,
    { name, tags: tags.length === 0 && quirks.has('manifests-null') ? null : tags },
    tags.length < rest.length && tags.length > 0
      ? { Link: `</v2/${name}/tags/list?${next.toString()}>; rel="next"` }
      : {},
  )
}

export function listCatalog(call: Call): void {
  if (call.request.method !== 'GET') throw noMethod(call)
  answerJson(call, { repositories: [...call.storage.repositories.keys()].sort() })
}

/** `GET /v2/NAME/referrers/DIGEST` (distribution-spec, "Listing Referrers"). */
export function listReferrers(call: Call, name: string, subject: string): void {
  const { quirks, storage, url } = call
  if (quirks.has('referrers-405')) throw noMethod(call)
  if (quirks.has('no-referrers') || quirks.has('oci-subject-lie')) {
    return answer(call, 404, { 'Content-Type': 'text/plain; charset=utf-8' }, '404 page not found\n')
  }
  if (call.request.method !== 'GET' && call.request.method !== 'HEAD') throw noMethod(call)
  if (quirks.has('referrers-html-200'))
    return answer(call, 200, { 'Content-Type': 'text/html; charset=utf-8' }, '<!doctype html><title>Registry</title>')
  if (algorithmOf(subject) === null) throw new Refusal(400, 'DIGEST_INVALID', `${subject} is not a digest`)

  const repository = quirks.has('referrers-empty-200') ? undefined : storage.repositories.get(name)
  const wanted = quirks.has('no-filter') ? null : url.searchParams.get('artifactType')
  const all = [...referrersOf(call, repository, subject)].filter(
    ({ artifactType }) => wanted === null || artifactType === wanted,
  )
  if (quirks.has('uploads-as-referrer')) all.push({ mediaType: '', digest: '_uploads', size: 0 })
  const from = Number(url.searchParams.get('next') ?? 0)
  const page: object[] = []
  let bytes = 0
  for (const one of all.slice(from, from + (quirks.value('page') ?? Infinity))) {
    bytes += JSON.stringify(one).length + 1
    if (bytes > pageBytes - 200 && page.length > 0) break
    page.push(one)
  }
  const to = from + page.length
  const next = new URLSearchParams({ ...(wanted === null ? {} : { artifactType: wanted }), next: String(to) })
  const manifests = page.length === 0 && quirks.has('manifests-null') ? null : page
  answerJson(
    call,
    { schemaVersion: 2, mediaType: indexType, manifests },
    {
      'Content-Type': indexType,
      ...(wanted === null ? {} : { 'OCI-Filters-Applied': 'artifactType' }),
      ...(to < all.length ? { Link: `</v2/${name}/referrers/${subject}?${next.toString()}>; rel="next"` } : {}),
    },
  )
}

/** The descriptors of a subject's referrers, with what the specification wants repeated of their manifests. */
function* referrersOf(
  call: Call,
  repository: Repository | undefined,
  subject: string,
): Generator<{ artifactType?: unknown; [name: string]: unknown }> {
  for (const digest of repository?.referrers.get(subject) ?? []) {
    const kept = repository?.manifests.get(digest)
    if (kept === undefined || !isListed(call, kept.at)) continue
    const { annotations } = kept.content
    yield {
      mediaType: kept.mediaType,
      digest,
      size: kept.bytes.length,
      artifactType: artifactTypeOf(kept, call.quirks.has('wrong-artifact-type')),
      ...(annotations === undefined ? {} : { annotations }),
    }
  }
}

function artifactTypeOf({ content }: Kept, isWrong: boolean): unknown {
  const config = content['config'] as { mediaType?: unknown } | undefined
  if (isWrong) return config?.mediaType
  return content['artifactType'] ?? config?.mediaType
}

/** Whether lists name already what was put at that time. */
function isListed({ quirks }: Call, at: number): boolean {
  return performance.now() >= at + (quirks.value('delay-listing') ?? 0)
}
