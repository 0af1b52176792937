import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { Ports, Roots } from '../../base/ports.ts'
import { readDockerArchive, type DockerContent } from '../archive/docker.ts'
import { dockerStore } from '../archive/store.ts'
import { ArchiveFile } from '../archive/tar-file.ts'
import { localIdentity } from '../local.ts'
import { forms } from '../reference-grammar.ts'
import type { Store } from '../types.ts'
import { exportFromDaemon } from './daemon.ts'
import { exportFromStorage } from './storage.ts'

/** Exports of one process, which is asked for the parts of an image one by one. */
type Exports = WeakMap<Roots, Map<string, Promise<DockerContent>>>
const fromStorage: Exports = new WeakMap()
const fromDaemon: Exports = new WeakMap()

/** An image of containers-storage as a store that is only read. */
export function openContainersStorage(name: string, ports: Ports): Store {
  const content = (): Promise<DockerContent> =>
    onceFor(fromStorage, name, ports, () => exported(name, exportFromStorage, ports))
  const store = dockerStore(`containers-storage:${name}`, localIdentity('containers-storage', name), content, ports)
  // The archive has no name for it.
  const tag = forms.name.exec(name.replace(/^\[[^\]]*\]/, ''))?.[1] ?? null
  return {
    ...store,
    images: async () => ((await store.images?.()) ?? []).map(({ descriptor }) => ({ descriptor, tag, name })),
  }
}

/** An image of the Docker engine of this machine as a store that is only read. */
export function openDockerDaemon(name: string, ports: Ports): Store {
  const content = (): Promise<DockerContent> =>
    onceFor(fromDaemon, name, ports, () => exported(name, exportFromDaemon, ports))
  return dockerStore(`docker-daemon:${name}`, localIdentity('docker-daemon', name), content, ports)
}

function onceFor(
  kept: Exports,
  name: string,
  { roots }: Ports,
  make: () => Promise<DockerContent>,
): Promise<DockerContent> {
  const here = kept.get(roots) ?? new Map<string, Promise<DockerContent>>()
  kept.set(roots, here)
  const found = here.get(name) ?? make()
  here.set(name, found)
  // A failed attempt is not remembered: the reason may have been mended meanwhile.
  found.catch(() => here.delete(name))
  return found
}

/** What a program wrote stays open and has no name any more: its room is free when this process ends, however it ends. */
async function exported(
  name: string,
  make: (name: string, folder: string, ports: Ports) => Promise<string>,
  ports: Ports,
): Promise<DockerContent> {
  const folder = await mkdtemp(join(ports.roots.temp, 'export-'))
  try {
    return await readDockerArchive(await ArchiveFile.open(await make(name, folder, ports), folder))
  } finally {
    await rm(folder, { recursive: true, force: true })
  }
}
