import { InputError, TransportError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { sha256 } from '../base/streams.ts'
import { entryOf, tagOf, withTag } from './layout-index.ts'
import { acceptManifests, parseManifest } from './manifest.ts'
import { directoryPlace, type LayoutPlace } from './layout-place.ts'
import { openStore } from './open.ts'
import { openSession } from './session.ts'
import type { Digest, Reference } from './types.ts'

/** How sure a move is. */
export type Moved =
  /** Done, and nobody else had moved the tag. */
  | 'moved'
  /** Somebody else moved the tag first: nothing was done. */
  | 'lost'

/**
 * Moves a tag to an artifact, only if it still stands where the caller saw it. In a layout that is exact. A registry is asked for it by `If-Match`;
 * one that ignores that is read before and after, so of two writers at the very same time the slower one may still win unnoticed.
 *
 * @param from where the tag stood; null where there was none
 * @param bytes manifest of an artifact whose blobs are there
 * @throws TransportError `registry-error` where another writer's manifest stands under the tag afterwards
 */
export async function moveTag(
  ref: Reference & { tag: string },
  from: Digest | null,
  bytes: Buffer,
  mediaType: string,
  ports: Ports,
): Promise<Moved> {
  const store = openStore(ref, ports)
  if (ref.kind !== 'registry') {
    const place = await placeOf(ref, ports)
    const descriptor = await store.putManifest(bytes, mediaType)
    const entry = entryOf(descriptor, parseManifest(bytes, mediaType, descriptor.digest))
    let lost = false
    await place.change((entries) => {
      const found = entries.find((one) => tagOf(one) === ref.tag)
      lost = (found?.digest ?? null) !== from
      // What the tag leaves is the same artifact in an older state: it does not stay listed.
      return lost
        ? entries
        : withTag(
            entries.filter((one) => one !== found),
            ref.tag,
            entry,
          )
    })
    return lost ? 'lost' : 'moved'
  }
  const { host = '', repository = '' } = ref
  const session = openSession(host, repository, ports)
  const stands = async (): Promise<Digest | null> => {
    const response = await session.send(`manifests/${ref.tag}`, { headers: { accept: acceptManifests } })
    if (response.status !== 404) return sha256(Buffer.from(await response.arrayBuffer()))
    await response.body?.cancel()
    return null
  }
  if ((await stands()) !== from) return 'lost'
  const response = await session.send(`manifests/${ref.tag}`, {
    method: 'PUT',
    headers: { 'content-type': mediaType, ...(from === null ? { 'if-none-match': '*' } : { 'if-match': `"${from}"` }) },
    body: bytes,
  })
  await response.body?.cancel()
  if (response.status === 412) return 'lost'
  if (response.status !== 201) {
    throw new TransportError('registry-error', `${host} answered ${response.status} to the PUT of the tag ${ref.tag}`, {
      subject: `${host}/${repository}:${ref.tag}`,
      remedy: 'Check that you may write there, then try again.',
    })
  }
  const now = await stands()
  if (now === sha256(bytes)) return 'moved'
  throw new TransportError(
    'registry-error',
    `${host}/${repository}:${ref.tag} was moved by another writer at the same time: this registry does not keep writers apart (If-Match)`,
    {
      subject: `${host}/${repository}:${ref.tag}`,
      remedy: 'Run it again. Let one process at a time write there, or let one serve the log: sealwright log serve.',
    },
  )
}

async function placeOf({ kind, directory, local = '' }: Reference, ports: Ports): Promise<LayoutPlace> {
  if (directory !== undefined) return directoryPlace(directory, ports)
  const { archivePlace } = await import('./archive/store.ts')
  if (kind === 'oci-archive') return archivePlace(local, ports)
  throw new InputError('unsupported', `${kind}:${local} is only read`, {
    subject: local,
    remedy: 'Name oci:DIR, oci-archive:FILE or HOST/NAME.',
  })
}
