import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import type { DatabaseSync } from 'node:sqlite'
import { isAbsent, readIfThere } from '../base/files.ts'
import { inTransaction } from './database.ts'

/** Files in which embedded KBSs kept their values before they had a database; resources lay in a folder, their paths percent-encoded. */
const oldFiles = ['resource-policy.rego', 'attestation-policies.json', 'reference-values.json'] as const
const oldFolder = 'resources'
/** `user_version` of a database into which old files were moved. */
const moved = 1

/**
 * Moves the values of an older embedded KBS into its database, once, in one step; the files go afterwards. A process that is killed between
 * the two leaves files that no longer count, and the next start removes them.
 */
export async function moveOldFiles(database: DatabaseSync, directory: string): Promise<void> {
  if (!isMoved(database)) {
    const found: [string, Buffer][] = []
    for (const name of oldFiles) {
      const value = await readIfThere(join(directory, name))
      if (value !== null) found.push([name, value])
    }
    for (const name of await namesIn(join(directory, oldFolder))) {
      const value = await readIfThere(join(directory, oldFolder, name))
      if (value !== null) found.push([`${oldFolder}/${decodeURIComponent(name)}`, value])
    }
    inTransaction(database, 'FULL', () => {
      // Another process may have been first, and its values are newer.
      const insert = database.prepare('INSERT OR IGNORE INTO entries VALUES (?, ?)')
      if (!isMoved(database)) for (const [name, value] of found) insert.run(name, value)
      database.exec(`PRAGMA user_version = ${moved}`)
    })
  }
  for (const name of oldFiles) await rm(join(directory, name), { force: true })
  await rm(join(directory, oldFolder), { recursive: true, force: true })
}

function isMoved(database: DatabaseSync): boolean {
  return database.prepare('PRAGMA user_version').get()?.['user_version'] === moved
}

async function namesIn(folder: string): Promise<string[]> {
  try {
    // A file that was replaced when the process was killed has a name of another form.
    return (await readdir(folder)).filter((name) => !name.startsWith('.'))
  } catch (error) {
    if (isAbsent(error)) return []
    throw error
  }
}
