import { basename } from 'node:path'
import type { Ports } from '../base/ports.ts'
import { layoutIdentity } from './identity.ts'
import { lazyStore } from './lazy-store.ts'
import type { LocalKind, Store } from './types.ts'

/**
 * A store of this machine that is an archive, or kept by a program. Their code is loaded when one is used.
 *
 * @param local absolute path of the archive, or name of the image
 */
export function openLocal(kind: LocalKind, local: string, ports: Ports): Store {
  return lazyStore(`${kind}:${local}`, localIdentity(kind, local), async () => {
    if (kind === 'containers-storage' || kind === 'docker-daemon') {
      const { openContainersStorage, openDockerDaemon } = await import('./local/store.ts')
      return kind === 'docker-daemon' ? openDockerDaemon(local, ports) : openContainersStorage(local, ports)
    }
    const { openDockerArchive, openOciArchive } = await import('./archive/store.ts')
    return kind === 'oci-archive' ? openOciArchive(local, ports) : openDockerArchive(local, ports)
  })
}

/** `localhost/` and the name of the file without its endings, or the last part of the image's name without tag and digest. */
export function localIdentity(kind: LocalKind, local: string): string {
  if (kind === 'oci-archive' || kind === 'docker-archive') return archiveIdentity(local)
  return layoutIdentity(local.replace(/^\[[^\]]*\]/, '').replace(/(?::[^/:@]*)?(?:@.*)?$/, ''))
}

/** `localhost/` and the name of the file without its endings. */
export function archiveIdentity(file: string): string {
  return layoutIdentity(basename(file).replace(/\.tar(?:\.\w+)?$/, ''))
}
