import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Ports, Roots } from '../../base/ports.ts'
import { readDockerArchive, type DockerContent } from '../archive/docker.ts'
import { readLayoutArchive } from '../archive/layout.ts'
import { readPlace, type ArchiveContent } from '../archive/read-place.ts'
import { archiveStore, dockerStore } from '../archive/store.ts'
import { ArchiveFile } from '../archive/tar-file.ts'
import { localIdentity } from '../local.ts'
import { forms } from '../reference-grammar.ts'
import type { Store } from '../types.ts'
import { exportFromDaemon } from './daemon.ts'
import { exportFromStorage } from './storage.ts'

/** Exports of one process, which is asked for the parts of an image one by one. */
type Exports<T> = WeakMap<Roots, Map<string, Promise<T>>>
const fromStorage: Exports<ArchiveContent> = new WeakMap()
const fromDaemon: Exports<DockerContent> = new WeakMap()

/** An image of containers-storage as a store that is only read. */
export function openContainersStorage(name: string, ports: Ports): Store {
  const place = `containers-storage:${name}`
  const content = (): Promise<ArchiveContent> =>
    onceFor(fromStorage, name, ports, () => exported(name, exportFromStorage, readLayoutArchive, ports))
  const store = archiveStore(readPlace(place, content), localIdentity('containers-storage', name), ports)
  const tag = forms.name.exec(name.replace(/^\[[^\]]*\]/, ''))?.[1] ?? null
  return {
    ...store,
    images: async () => ((await store.images?.()) ?? []).map(({ descriptor }) => ({ descriptor, tag, name })),
  }
}

/** An image of the Docker engine of this machine as a store that is only read. */
export function openDockerDaemon(name: string, ports: Ports): Store {
  const content = (): Promise<DockerContent> =>
    onceFor(fromDaemon, name, ports, () => exported(name, exportFromDaemon, readDockerArchive, ports))
  return dockerStore(`docker-daemon:${name}`, localIdentity('docker-daemon', name), content, ports)
}

function onceFor<T>(kept: Exports<T>, name: string, { roots }: Ports, make: () => Promise<T>): Promise<T> {
  const here = kept.get(roots) ?? new Map<string, Promise<T>>()
  kept.set(roots, here)
  const found = here.get(name) ?? make()
  here.set(name, found)
  // A failed attempt is not remembered: the reason may have been mended meanwhile.
  found.catch(() => here.delete(name))
  return found
}

/** What a program wrote stays open and has no name any more: its room is free when this process ends, however it ends. */
async function exported<T>(
  name: string,
  make: (name: string, folder: string, ports: Ports) => Promise<string>,
  read: (archive: ArchiveFile) => Promise<T>,
  ports: Ports,
): Promise<T> {
  const folder = await mkdtemp(join(ports.roots.temp, 'export-'))
  try {
    return await read(await ArchiveFile.open(await make(name, folder, ports), folder))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
