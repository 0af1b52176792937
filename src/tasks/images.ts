import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Image } from '../image/types.ts'
import { roles, type EventFacts } from '../journal/event.ts'
import { openLayout } from '../oci/layout.ts'
import { openStore, resolveImage, type ResolvedImage } from '../oci/open.ts'
import { formatReference, parseReference } from '../oci/reference.ts'
import type { Store } from '../oci/types.ts'
import type { TaskContext } from './context.ts'

/**
 * Images of the job that its workers made, by digest: no step can change one there (TRUST §4). Null where no worker runs: then an image has
 * one place only.
 */
export async function workStore(identity: string, { ports, work }: TaskContext): Promise<Store | null> {
  if (ports.remote === undefined) return null
  return openLayout(await work.path('store'), identity, ports)
}

/** Finds an image of a request: in the workers' own store where it is there by that digest, else where the reference says. */
export async function findImage(text: string, context: TaskContext): Promise<ResolvedImage> {
  const reference = parseReference(text, '/')
  const { digest } = reference
  const named = openStore(reference, context.ports)
  const own = await workStore(named.identity, context)
  const path = await context.work.path('store')
  if (own === null || digest === undefined || (await stat(join(path, 'oci-layout')).catch(() => null)) === null)
    return resolveImage(text, context.ports)
  const descriptor = await own.resolve({ digest })
  if (descriptor === null) return resolveImage(text, context.ports)
  return {
    store: { ...own, name: named.name },
    descriptor,
    reference: formatReference({ ...reference, tag: undefined }),
    tag: reference.tag ?? null,
  }
}

/** An image and its configuration, as the inputs of an event name them. @param name of the store that it lies in */
export function imageInputs({ descriptor, manifest }: Image, name: string): EventFacts['inputs'] {
  return [
    { role: roles.image, name, digest: descriptor.digest, mediaType: descriptor.mediaType },
    { role: roles.config, name, digest: manifest.config.digest, mediaType: manifest.config.mediaType },
  ]
}
