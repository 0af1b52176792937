import { chmod, mkdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { InputError, SealwrightError, systemError } from '../base/errors.ts'
import { readIfThere, replaceFile } from '../base/files.ts'
import type { Ports } from '../base/ports.ts'
import { writeFile } from '../base/write-file.ts'
import { sweep, withLock } from '../oci/lock.ts'
import { databaseFile, inTransaction, openDatabase } from './database.ts'
import { databaseError } from './database-error.ts'
import { moveOldFiles } from './old-files.ts'

/** A session of the handshake. */
export interface Session {
  id: string
  nonce: string
  tee: string
  /** Milliseconds since 1970. */
  until: number
  /** Once it is attested. */
  token: string | null
}

/**
 * What an embedded KBS holds: one database in a 0700 folder, beside its two keys, which are files so that their owner can give them away. What
 * was written stands after a crash and after a power failure; a killed write left the value before.
 */
export interface Storage {
  read(...key: string[]): Promise<Buffer | null>
  write(value: Uint8Array | string, ...key: string[]): Promise<void>
  /** One value after another, also between two processes on one folder. */
  update(change: (old: Buffer | null) => Uint8Array | string, ...key: string[]): Promise<void>
  /** False where there was nothing. */
  remove(...key: string[]): Promise<boolean>
  /** A private key, PEM, in a file of its own. One that is missing is made, once: two processes that start together get the same. */
  key(name: string, make: () => string | Buffer): Promise<Buffer>
  /** Also drops those that ended before `now`. Survives a crash; a power failure may lose the last ones. */
  putSession(session: Session, now: number): void
  session(id: string, now: number): Session | null
  close(): void
}

/**
 * Opens the storage of an embedded KBS. A folder with values in files, as they were kept before, is moved into the database once.
 *
 * @param directory absolute; made when it is not there. @throws InputError `file-invalid`, `disk-full`, `no-access`
 */
export async function openStorage(directory: string, ports: Ports): Promise<Storage> {
  let database: DatabaseSync
  try {
    await mkdir(directory, { recursive: true, mode: 0o700 })
    await chmod(directory, 0o700)
    // Its keys must not travel with a commit.
    await writeFile(join(directory, '.gitignore'), '*\n')
    // A killed KBS may have left half a file: of a secret, too.
    await sweep(directory, ports)
    database = await openDatabase(directory)
    await moveOldFiles(database, directory)
  } catch (thrown) {
    const cause = databaseError(thrown, join(directory, databaseFile))
    if (cause instanceof SealwrightError) throw cause
    throw (
      systemError(cause) ??
      new InputError('file-invalid', `${directory} cannot hold an embedded KBS`, {
        subject: directory,
        cause,
        remedy: 'Name a directory of your own that can be written.',
      })
    )
  }
  return storageOf(database, directory, ports)
}

function storageOf(database: DatabaseSync, directory: string, ports: Ports): Storage {
  const file = join(directory, databaseFile)
  const nameOf = (key: readonly string[]): string => key.join('/')
  const select = database.prepare('SELECT value FROM entries WHERE name = ?')
  const insert = database.prepare('INSERT OR REPLACE INTO entries VALUES (?, ?)')
  const drop = database.prepare('DELETE FROM entries WHERE name = ?')
  const selectSession = database.prepare(
    'SELECT id, nonce, tee, until, token FROM sessions WHERE id = ? AND until >= ?',
  )
  const insertSession = database.prepare('INSERT OR REPLACE INTO sessions VALUES (?, ?, ?, ?, ?)')
  const dropSessions = database.prepare('DELETE FROM sessions WHERE until < ?')
  const bytesOf = (name: string): Buffer | null => {
    const value = told(file, () => select.get(name))?.['value']
    return value instanceof Uint8Array ? Buffer.from(value) : null
  }
  const durable = <T>(change: () => T): T => told(file, () => inTransaction(database, 'FULL', change))
  return {
    read: async (...key) => bytesOf(nameOf(key)),
    write: async (value, ...key) => void durable(() => insert.run(nameOf(key), Buffer.from(value))),
    update: async (change, ...key) =>
      void durable(() => insert.run(nameOf(key), Buffer.from(change(bytesOf(nameOf(key)))))),
    remove: async (...key) => durable(() => Number(drop.run(nameOf(key)).changes) > 0),
    key: async (name, make) =>
      (await readIfThere(join(directory, name))) ??
      withLock(directory, ports, async () => {
        if ((await readIfThere(join(directory, name))) === null)
          await replaceFile(join(directory, name), make(), { through: directory })
        return readFile(join(directory, name))
      }),
    putSession: ({ id, nonce, tee, until, token }, now) =>
      told(file, () =>
        inTransaction(database, 'NORMAL', () => {
          dropSessions.run(now)
          insertSession.run(id, nonce, tee, until, token)
        }),
      ),
    session: (id, now) => {
      const row = told(file, () => selectSession.get(id, now))
      if (row === undefined) return null
      const { nonce, tee, until, token } = row
      return {
        id,
        nonce: String(nonce),
        tee: String(tee),
        until: Number(until),
        token: token === null ? null : String(token),
      }
    },
    close: () => database.close(),
  }
}

/** What the database does, with its errors in words. */
function told<T>(file: string, work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw databaseError(error, file)
  }
}
