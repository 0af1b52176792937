import { chmod, lstat, mkdir, open, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import type { Ports } from '../../base/ports.ts'
import { collect, once, sha256 } from '../../base/streams.ts'
import type { Store } from '../../oci/types.ts'

/** A cache between stores and their readers. */
export interface QueryCache {
  /** The store, whose small blobs are kept. Everything else is asked for anew. */
  around(store: Store): Store
  close(): void
}

const none: QueryCache = { around: (store) => store, close: () => {} }

/** Another number makes the file anew. */
const schemaVersion = 1
/** Blobs that are kept, each and together, in bytes. The oldest go first. */
const limits = { blob: 32 << 20, all: 512 << 20 } as const
const busyMs = 2000
const file = 'query.sqlite'

/**
 * Opens the cache of `query`: documents that were read, by registry, repository and digest. It holds bytes alone, which are compared with their digest
 * whenever they are taken out, so that nobody who writes to it changes an answer; signatures are verified each time. A cache that is broken or cannot
 * be written is left out.
 *
 * @param folder absolute or relative to the working directory; empty for the user's own, `none` for no cache
 */
export async function openQueryCache(folder: string, ports: Ports): Promise<QueryCache> {
  const { XDG_CACHE_HOME: user, HOME: home } = ports.env
  const own = user ? join(user, 'sealwright', 'query') : home ? join(home, '.cache', 'sealwright', 'query') : null
  const path = folder === '' ? own : resolve(ports.roots.cwd, folder)
  if (folder === 'none' || path === null) return none
  const database = await openDatabase(path, ports)
  return database === null ? none : cacheOf(database, ports)
}

async function openDatabase(folder: string, ports: Ports): Promise<DatabaseSync | null> {
  const path = join(folder, file)
  for (const attempt of ['first', 'second']) {
    let database: DatabaseSync | null = null
    try {
      await mkdir(folder, { recursive: true, mode: 0o700 })
      await prepareFile(path)
      const { DatabaseSync } = await import('node:sqlite')
      database = new DatabaseSync(path, { timeout: busyMs })
      prepare(database)
      return database
    } catch (error) {
      close(database)
      ports.log.debug(`query cache ${path}: ${String(error)}`)
      // Whoever has the broken file open keeps it; the name is free for a new one.
      if (attempt === 'first' && isDamaged(error)) await rm(path, { force: true }).catch(() => {})
      else break
    }
  }
  ports.log.warn(`the cache ${path} cannot be used; the answer takes longer`)
  return null
}

/** Only its owner reads it, as it holds documents of private repositories. A link would have another file changed. */
async function prepareFile(path: string): Promise<void> {
  const there = await lstat(path).catch(() => null)
  if (there === null) await open(path, 'a', 0o600).then((made) => made.close())
  else if (!there.isFile()) throw new Error('is not a file')
  else if ((there.mode & 0o077) !== 0) await chmod(path, 0o600)
}

function prepare(database: DatabaseSync): void {
  // A crash may damage the file; that is found out, and nothing is lost with it. Waiting for the disk after each document costs most of a query.
  database.exec('PRAGMA synchronous = OFF; PRAGMA journal_mode = MEMORY')
  const version = database.prepare('PRAGMA user_version').get()?.['user_version']
  if (version === schemaVersion) return
  database.exec(`BEGIN IMMEDIATE;
    DROP TABLE IF EXISTS blobs;
    CREATE TABLE blobs (store TEXT NOT NULL, digest TEXT NOT NULL, bytes BLOB NOT NULL, used INTEGER NOT NULL,
      PRIMARY KEY (store, digest));
    PRAGMA user_version = ${schemaVersion};
    COMMIT;`)
}

/** SQLITE_CORRUPT, SQLITE_NOTADB, and a table that is not the one of this version (SQLITE_ERROR). */
function isDamaged(error: unknown): boolean {
  const code = error !== null && typeof error === 'object' && 'errcode' in error ? error.errcode : null
  return code === 11 || code === 26 || code === 1
}

function cacheOf(database: DatabaseSync, ports: Ports): QueryCache {
  let broken = false
  /** A cache that fails is used no more; the store has everything. */
  const attempt = <T>(work: () => T): T | null => {
    if (broken) return null
    try {
      return work()
    } catch (error) {
      broken = true
      ports.log.debug(`query cache: ${String(error)}`)
      return null
    }
  }
  const now = (): number => ports.clock.now().getTime()
  const get = (store: string, digest: string, size: number): Buffer | null => {
    const row = attempt(() =>
      database.prepare('SELECT bytes FROM blobs WHERE store = ? AND digest = ?').get(store, digest),
    )
    const bytes = row?.['bytes']
    if (!(bytes instanceof Uint8Array)) return null
    if (bytes.length === size && sha256(bytes) === digest) return Buffer.from(bytes)
    attempt(() => database.prepare('DELETE FROM blobs WHERE store = ? AND digest = ?').run(store, digest))
    return null
  }
  const put = (store: string, digest: string, bytes: Buffer): void =>
    void attempt(() =>
      database.prepare('INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, ?)').run(store, digest, bytes, now()),
    )
  return {
    around: (store) => ({
      ...store,
      openBlob: async (blob, how) => {
        const { digest, size } = blob
        // A layout is as near as the cache.
        if (store.kind !== 'registry' || size > limits.blob || !digest.startsWith('sha256:'))
          return store.openBlob(blob, how)
        const known = get(store.name, digest, size)
        if (known !== null) return once(known)
        const bytes = await collect(await store.openBlob(blob, how), size, digest)
        put(store.name, digest, bytes)
        return once(bytes)
      },
    }),
    close: () => {
      attempt(() => shrink(database))
      close(database)
    },
  }
}

function shrink(database: DatabaseSync): void {
  database
    .prepare(
      `DELETE FROM blobs WHERE rowid IN (SELECT rowid FROM
        (SELECT rowid, sum(length(bytes)) OVER (ORDER BY used DESC, rowid DESC) AS total FROM blobs) WHERE total > ?)`,
    )
    .run(limits.all)
}

function close(database: DatabaseSync | null): void {
  try {
    database?.close()
  } catch {
    // It was never opened.
  }
}
