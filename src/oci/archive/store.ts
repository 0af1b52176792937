import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { isAttachedTag } from '../digest.ts'
import { archiveIdentity } from '../local.ts'
import { layoutStore } from '../layout.ts'
import type { LayoutPlace } from '../layout-place.ts'
import type { ListedImage, Store } from '../types.ts'
import { chooseImage } from './choose.ts'
import { readDockerArchive, type DockerContent } from './docker.ts'
import { heldFile } from './held.ts'
import { listedImages, readPlace } from './read-place.ts'
import { readOnly } from './refusals.ts'
import { writePlace } from './write-place.ts'

/** One for each file in a process, because those who write one archive must see each other's blobs before it is written. */
const places = new Map<string, LayoutPlace>()

/** The place of an OCI archive. @param file absolute path */
export function archivePlace(file: string, ports: Ports): LayoutPlace {
  const place = places.get(file) ?? writePlace(file, ports)
  places.set(file, place)
  return place
}

/** An OCI archive as a store (containers-transports(5), `oci-archive:`). @param file absolute path */
export function openOciArchive(file: string, ports: Ports): Store {
  return archiveStore(archivePlace(file, ports), archiveIdentity(file), ports)
}

/** A store over the place of an archive, which may hold images without a tag. */
export function archiveStore(place: LayoutPlace, identity: string, ports: Pick<Ports, 'log'>): Store {
  return { ...layoutStore(place, identity, ports), images: async () => listedImages(await place.index()) }
}

const dockers = new Map<string, ReturnType<typeof heldFile<DockerContent>>>()

/** A docker archive as a store that is only read (`docker-archive:`). @param file absolute path */
export function openDockerArchive(file: string, ports: Ports): Store {
  const held = dockers.get(file) ?? heldFile(file, ports.roots.temp, readDockerArchive)
  dockers.set(file, held)
  const content = async (): Promise<DockerContent> => {
    const found = await held()
    if (found !== null) return found.content
    throw new InputError('file-missing', `"${file}" is not there`, { subject: file, remedy: 'Name a docker archive.' })
  }
  return dockerStore(`docker-archive:${file}`, archiveIdentity(file), content, ports)
}

/** A store over what a docker archive holds, by the names that images have there. */
export function dockerStore(
  name: string,
  identity: string,
  content: () => Promise<DockerContent>,
  ports: Pick<Ports, 'log'>,
): Store {
  const store = archiveStore(readPlace(name, content), identity, ports)
  let said = false
  const images = async (): Promise<readonly ListedImage[]> => {
    const { computed, listed } = await content()
    if (computed.length > 0 && !said)
      ports.log.info(
        `${name} holds no manifests: the digest of an image is computed from its configuration and layers.`,
      )
    said = true
    return listedImages(listed)
  }
  return {
    ...store,
    images,
    tag: () => Promise.reject(readOnly(name)),
    retag: () => Promise.reject(readOnly(name)),
    tags: async () => (await images()).flatMap(({ name: full }) => full ?? []),
    resolve: async (reference) => {
      if ('digest' in reference) return store.resolve(reference)
      if (isAttachedTag(reference.tag)) return null
      const { ids } = await content()
      const named = (await images()).map(({ descriptor, name: full }) => ({
        descriptor,
        digest: descriptor.digest,
        names: [full, ids.get(descriptor.digest)].filter((one) => typeof one === 'string'),
      }))
      return chooseImage(named, reference.tag, name).descriptor
    },
  }
}
