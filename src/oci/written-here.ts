import type { Http } from '../base/ports.ts'
import type { Digest, StoredManifest } from './types.ts'

/** Bytes of manifests that are held for each repository. */
const limit = 4 << 20

/** Manifests that this process put into a repository which lacked them, until they get a tag. */
export interface WrittenHere {
  add(stored: StoredManifest): void
  /** Gives one once: whoever gives it a second tag asks the registry what stands there. */
  take(digest: Digest): StoredManifest | undefined
}

const repositories = new WeakMap<Http, Map<string, WrittenHere>>()

/**
 * What was put into a repository a moment ago, for whoever gives it a tag. Nobody reads it from here: what a gate judges are the registry's own bytes.
 *
 * @param name `host/repository`
 */
export function writtenHere(http: Http, name: string): WrittenHere {
  const all = repositories.get(http) ?? new Map<string, WrittenHere>()
  repositories.set(http, all)
  const known = all.get(name) ?? fresh()
  all.set(name, known)
  return known
}

function fresh(): WrittenHere {
  const held = new Map<Digest, StoredManifest>()
  let room = limit
  return {
    add: (stored) => {
      if (stored.bytes.length > room || held.has(stored.descriptor.digest)) return
      room -= stored.bytes.length
      held.set(stored.descriptor.digest, stored)
    },
    take: (digest) => {
      const found = held.get(digest)
      if (found !== undefined && held.delete(digest)) room += found.bytes.length
      return found
    },
  }
}
