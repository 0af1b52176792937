import { chmod, lstat, mkdir, open, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { DatabaseSync, StatementSync } from 'node:sqlite'
import { VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { collect, once, sha256 } from '../../base/streams.ts'
import { isIndex, mediaTypeOf, parseManifest } from '../../oci/manifest.ts'
import type { Digest, KeptManifests, Store } from '../../oci/types.ts'

/** A cache between stores and their readers. */
export interface QueryCache {
  around(store: Store): CachedStore
  close(): void
}

/** A store whose manifests and small blobs are kept. Tags and lists of referrers are asked for anew. */
export interface CachedStore {
  readonly store: Store
  /** A reader of the same store past the cache. */
  fresh(): Store
  /**
   * Whether the store still has a manifest and the layers of it that were read. Only what the cache gave is asked for, once. An answer that rests on a
   * document has to ask: a cache is no place where a document is published.
   */
  holds(manifest: Digest): Promise<boolean>
}

/** Without a cache: each list is still read once. */
function uncached(opened: Store): CachedStore {
  const store = opened.anew?.() ?? opened
  return { store, fresh: () => store, holds: () => Promise.resolve(true) }
}
const none: QueryCache = { around: uncached, close: () => {} }

/** Another number makes the file anew. */
const schemaVersion = 1
/** What is kept, each and together, in bytes. The oldest go first. */
const limits = { blob: 32 << 20, all: 512 << 20 } as const
const busyMs = 2000
const file = 'query.sqlite'

/**
 * Opens the cache of `query`: manifests and documents that were read, by registry, repository and digest. It holds bytes alone, which are compared with their digest
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
  /** @param size null where it is not known */
  const get = (store: string, digest: Digest, size: number | null): Buffer | null => {
    const row = attempt(() => select().get(store, digest))
    const bytes = row?.['bytes']
    if (!(bytes instanceof Uint8Array)) return null
    if ((size === null || bytes.length === size) && sha256(bytes) === digest) return Buffer.from(bytes)
    attempt(() => database.prepare('DELETE FROM blobs WHERE store = ? AND digest = ?').run(store, digest))
    return null
  }
  const put = (store: string, digest: Digest, bytes: Buffer): void =>
    void attempt(() => insert().run(store, digest, bytes, now()))
  const select = prepared(database, 'SELECT bytes FROM blobs WHERE store = ? AND digest = ?')
  const insert = prepared(database, 'INSERT OR REPLACE INTO blobs VALUES (?, ?, ?, ?)')
  return {
    // A layout is as near as the cache.
    around: (store) => (store.kind === 'registry' ? cached(store, { get, put }) : uncached(store)),
    close: () => {
      attempt(() => shrink(database))
      close(database)
    },
  }
}

/** A statement that is compiled when it is first needed: a broken table shows then. */
function prepared(database: DatabaseSync, sql: string): () => StatementSync {
  let statement: StatementSync | null = null
  return () => (statement ??= database.prepare(sql))
}

interface Shelf {
  get(store: string, digest: Digest, size: number | null): Buffer | null
  put(store: string, digest: Digest, bytes: Buffer): void
}

function cached(store: Store, { get, put }: Shelf): CachedStore {
  const { name } = store
  const blobs = new Set<Digest>()
  const manifests = new Set<Digest>()
  /** Manifests have a shelf of their own: a registry that has one need not give the same bytes as a blob. */
  const shelf = `${name} manifests`
  const kept: KeptManifests = {
    get: (digest) => {
      const bytes = digest.startsWith('sha256:') ? get(shelf, digest, null) : null
      if (bytes === null) return null
      manifests.add(digest)
      const mediaType = mediaTypeOf(bytes, digest)
      return {
        descriptor: { mediaType, digest, size: bytes.length },
        bytes,
        content: parseManifest(bytes, mediaType, digest),
      }
    },
    add: ({ descriptor: { digest, mediaType }, bytes }) => {
      // The type that a registry tells and the bytes do not is not covered by the digest.
      if (digest.startsWith('sha256:') && mediaTypeOf(bytes, digest) === mediaType) put(shelf, digest, bytes)
    },
  }
  const reader = store.anew?.(kept) ?? store
  const openBlob: Store['openBlob'] = async (blob, how) => {
    const { digest, size } = blob
    if (size > limits.blob || !digest.startsWith('sha256:')) return reader.openBlob(blob, how)
    const known = get(name, digest, size)
    if (known !== null) {
      blobs.add(digest)
      return once(known)
    }
    const bytes = await collect(await reader.openBlob(blob, how), size, digest)
    put(name, digest, bytes)
    return once(bytes)
  }
  const look = async (digest: Digest): Promise<boolean> => {
    try {
      const { content } = await reader.getManifest(digest)
      if (manifests.has(digest) && (await store.resolve({ digest })) === null) return false
      for (const layer of isIndex(content) ? [] : content.layers)
        if (blobs.has(layer.digest) && !(await store.hasBlob(layer.digest))) return false
      return true
    } catch (error) {
      if (error instanceof VerificationError) return false
      throw error
    }
  }
  const asked = new Map<Digest, Promise<boolean>>()
  const holds = (digest: Digest): Promise<boolean> => {
    const known = asked.get(digest) ?? look(digest)
    asked.set(digest, known)
    return known
  }
  let fresh: Store | null = null
  return { store: { ...reader, openBlob }, fresh: () => (fresh ??= store.anew?.() ?? store), holds }
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
