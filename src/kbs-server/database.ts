import { open, lstat } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { damaged } from './database-error.ts'

/** File of the database inside the KBS's directory. */
export const databaseFile = 'kbs.sqlite'

/** How long a process waits for another one that writes, in milliseconds. */
const busyMs = 10_000

/** SQLite's own default; a database has whole pages. */
const pageBytes = 4096

/** Opens the database of an embedded KBS, 0600, and makes its tables. A link in its place is refused. @throws InputError `file-invalid` */
export async function openDatabase(directory: string): Promise<DatabaseSync> {
  const path = join(directory, databaseFile)
  const there = await lstat(path).catch(() => null)
  if (there === null) await open(path, 'a', 0o600).then((made) => made.close())
  else if (!there.isFile()) throw new Error(`${databaseFile} is not a file`)
  // SQLite reads the missing end of a page as zeros, which a key would then have. After a crash its log still holds that page.
  else if (there.size % pageBytes !== 0 && (await lstat(`${path}-wal`).catch(() => null)) === null) throw damaged(path)
  const { DatabaseSync } = await import('node:sqlite')
  const database = new DatabaseSync(path, { timeout: busyMs })
  try {
    // A log that is written ahead lets sessions go without waiting for the disk, while values wait (storage.ts). Removed secrets are overwritten.
    database.exec(`PRAGMA journal_mode = WAL; PRAGMA secure_delete = ON;
      CREATE TABLE IF NOT EXISTS entries (name TEXT PRIMARY KEY, value BLOB NOT NULL) WITHOUT ROWID;
      CREATE TABLE IF NOT EXISTS sessions (id TEXT PRIMARY KEY, nonce TEXT NOT NULL, tee TEXT NOT NULL, until INTEGER NOT NULL, token TEXT);`)
    return database
  } catch (error) {
    database.close()
    throw error
  }
}

/** One change as a whole. With `FULL` it waits for the disk. */
export function inTransaction<T>(database: DatabaseSync, level: 'FULL' | 'NORMAL', change: () => T): T {
  try {
    database.exec(`PRAGMA synchronous = ${level}; BEGIN IMMEDIATE`)
    const value = change()
    database.exec('COMMIT')
    return value
  } catch (error) {
    if (database.isTransaction) database.exec('ROLLBACK')
    throw error
  }
}
