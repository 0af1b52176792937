import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { DatabaseSync } from 'node:sqlite'
import { databaseFile } from '../src/kbs-server/database.ts'

/** What an embedded KBS holds, by name: `resource-policy.rego`, `resources/REPOSITORY/TYPE/TAG` … Empty before its first start. */
export function storedByKbs(directory: string): Map<string, Buffer> {
  const path = join(directory, databaseFile)
  if (!existsSync(path)) return new Map()
  const database = new DatabaseSync(path, { timeout: 10_000 })
  try {
    const rows = database.prepare('SELECT name, value FROM entries ORDER BY name').all()
    return new Map(rows.map(({ name, value }) => [String(name), Buffer.from(value as Uint8Array)]))
  } finally {
    database.close()
  }
}

/** One text of {@link storedByKbs}; empty where there is none. */
export function storedText(directory: string, name: string): string {
  return storedByKbs(directory).get(name)?.toString('utf8') ?? ''
}

/** Changes what an embedded KBS holds behind its back, as somebody with access to its disk can. @param value null drops the entry */
export function storeInKbs(directory: string, name: string, value: string | null): void {
  const database = new DatabaseSync(join(directory, databaseFile), { timeout: 10_000 })
  try {
    database.prepare('DELETE FROM entries WHERE name = ?').run(name)
    if (value !== null) database.prepare('INSERT INTO entries VALUES (?, ?)').run(name, Buffer.from(value))
  } finally {
    database.close()
  }
}
