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
