import { InputError, messageOf, toSealwrightError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import type { Mirror, Place } from './registries-conf.ts'
import { openSession, type Session } from './session.ts'
import type { Store } from './types.ts'

/** Reads from the mirrors of a repository. */
export interface Mirrors {
  /**
   * The first thing that a mirror gives, in the order of the file; null where none has it, so that the repository itself is asked.
   *
   * @param by what the thing is named by: a mirror may be there for one of them only
   */
  first<T>(by: 'digests' | 'tags', read: (session: Session) => Promise<T | null>): Promise<T | null>
}

/** A mirror that does not answer must not hold up what lies elsewhere, too. */
const attempts = 2

/**
 * Mirrors serve manifests and blobs. What is listed (tags, referrers, signatures by tag) and every check before a write is asked of the repository
 * itself: a mirror that is behind, or keeps something back, would hide it.
 */
export function openMirrors(name: string, { mirrors }: Place, ports: Ports): Mirrors {
  const sessions = new Map<Mirror, Session>()
  const told = new Set<Mirror>()
  const skipped = new Set<string>()
  return {
    first: async (by, read) => {
      for (const mirror of mirrors) {
        if (!mirror[by]) continue
        const { host, repository, insecure } = mirror
        const session = sessions.get(mirror) ?? openSession(host, repository, ports, { insecure, attempts })
        sessions.set(mirror, session)
        const found = await read(session).catch((error: unknown) => {
          // Each blob would fail for the same reason: one line for each reason is enough.
          const why = `${host}/${repository} ${toSealwrightError(error).code}`
          if (!skipped.has(why))
            ports.log.info(`the mirror ${host}/${repository} of ${name} is skipped: ${messageOf(error)}`)
          skipped.add(why)
          if (ports.deadline !== undefined && ports.clock.monotonic() > ports.deadline) throw error
          return null
        })
        if (found === null) continue
        if (!told.has(mirror)) ports.log.info(`${name} is read from its mirror ${host}/${repository}`)
        told.add(mirror)
        return found
      }
      return null
    },
  }
}

/** A store of which registries.conf says that it is read from elsewhere: to write there would publish under another name than was typed. */
export function unwritten(store: Store, place: Place): Store {
  const { rewrittenBy, host, repository } = place
  if (rewrittenBy === null) return store
  const refuse = (): Promise<never> =>
    Promise.reject(
      new InputError('input-invalid', `${store.name} is read from ${host}/${repository}, so it is not written`, {
        subject: store.name,
        remedy: `Name ${host}/${repository} itself as the target, or take its location out of ${rewrittenBy}.`,
      }),
    )
  return { ...store, putManifest: refuse, putManifests: refuse, tag: refuse, retag: refuse, putBlob: refuse }
}
