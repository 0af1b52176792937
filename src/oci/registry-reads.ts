import type { HttpResponse } from '../base/ports.ts'
import { VerificationError } from '../base/errors.ts'
import { isObject, parseJson } from '../base/json.ts'
import { digestLike } from '../base/streams.ts'
import { isDigest } from './digest.ts'
import { acceptManifests, isVagueType, manifestLimit, mediaTypeOf, parseManifest } from './manifest.ts'
import { isTag } from './reference.ts'
import { withoutAlgorithm } from './refused-manifest.ts'
import { pagesOf } from './pages.ts'
import { mediaTypeIn, wholeBody } from './responses.ts'
import { failed, type Session } from './session.ts'
import type { Digest, StoredManifest } from './types.ts'
import { otherDigest } from './upload.ts'

/** Most bytes of one page of tags, and of all names together (a million short ones). */
const limits = { pageBytes: 4 << 20, nameBytes: 16 << 20 } as const

/** GET of a manifest by tag or digest; null for 404. What came is checked against the digest asked for. */
export async function getManifestOf(session: Session, reference: string, name: string): Promise<StoredManifest | null> {
  const response = await session.send(`manifests/${reference}`, { headers: { accept: acceptManifests } })
  if (response.status === 404) {
    await response.body?.cancel()
    return null
  }
  if (response.status === 400)
    throw withoutAlgorithm(
      reference,
      session.host,
      await failed(response, session.host, `GET of the manifest ${reference}`),
    )
  if (response.status !== 200) throw await failed(response, session.host, `GET of the manifest ${reference}`)
  const bytes = await wholeBody(response, session, manifestLimit, `${name}: manifest ${reference}`)
  const digest = digestLike(isDigest(reference) ? reference : undefined, bytes)
  const place = `${name}${isDigest(reference) ? '@' : ':'}${reference}`
  if (isDigest(reference) && reference !== digest) {
    throw new VerificationError('digest-mismatch', `${name} gives ${digest} for ${reference}`, {
      subject: place,
      remedy: 'The stored copy is damaged or was changed: publish it again from its source.',
    })
  }
  const header = otherDigest(response, digest)
  if (header !== null) {
    throw new VerificationError(
      'digest-mismatch',
      `the registry says that ${place} is ${header}, and gives ${digest}`,
      {
        subject: place,
        remedy: "Ask the registry's operator: Docker-Content-Digest must name the bytes that are sent.",
      },
    )
  }
  const told = mediaTypeIn(response)
  const mediaType = isVagueType(told) ? mediaTypeOf(bytes, `${name}@${digest}`) : told
  return {
    descriptor: { mediaType, digest, size: bytes.length },
    bytes,
    content: parseManifest(bytes, mediaType, `${name}@${digest}`),
  }
}

/** Answer to HEAD; or, where a proxy lets none through (405), the answer to GET without its body. */
export async function head(session: Session, target: string): Promise<HttpResponse> {
  const headers = target.startsWith('manifests/') ? { accept: acceptManifests } : {}
  const response = await session.send(target, { method: 'HEAD', headers })
  if (response.status !== 405) return response
  const whole = await session.send(target, { headers })
  if (whole.status === 200) await whole.body?.cancel()
  return whole
}

/** True if the repository has the blob. */
export async function hasBlob(session: Session, digest: Digest): Promise<boolean> {
  const response = await head(session, `blobs/${digest}`)
  if (response.status === 200) return true
  if (response.status === 404) return false
  throw await failed(response, session.host, `HEAD of ${digest}`)
}

/**
 * All tags of the repository, sorted; none where the registry does not know the repository.
 *
 * @throws VerificationError `format-invalid` · TransportError `registry-error`, also for a list without an end
 */
export async function listTags(session: Session): Promise<string[]> {
  const tags = new Set<string>()
  const subject = `the tags of ${session.host}/${session.repository}`
  let bytes = 0
  let first = true
  for await (const response of pagesOf(session, 'tags/list', subject, {}, () => tags.size)) {
    // A repository that nothing was pushed to is not known to the registry.
    if (response.status === 404 && first) {
      await response.body?.cancel()
      return []
    }
    first = false
    if (response.status !== 200) throw await failed(response, session.host, `GET of ${subject}`)
    const body = parseJson(String(await wholeBody(response, session, limits.pageBytes, subject)), subject)
    const list = isObject(body) ? (body['tags'] ?? []) : null
    if (!Array.isArray(list)) throw new VerificationError('format-invalid', `${subject} are not a list`, { subject })
    for (const tag of list) {
      if (typeof tag !== 'string' || !isTag(tag) || tags.has(tag)) continue
      tags.add(tag)
      if ((bytes += tag.length) > limits.nameBytes)
        throw new VerificationError('format-invalid', `${subject} are more than ${limits.nameBytes} bytes of names`, {
          subject,
          remedy: 'Name the image by its digest.',
        })
    }
  }
  return [...tags].sort()
}
