import { readdir, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { writeFile } from '../base/write-file.ts'
import { TransportError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { isAbandoned, isOwned, ownedName } from '../base/owned-name.ts'

const waitLimitMs = 90_000

/**
 * Runs `fn` while no other process or caller that uses this function does so for the same directory.
 *
 * Each contender first announces itself by a file of its own and then looks for others: of two, at least one sees the
 * other and steps back. So there is no shared lock file that could be broken by two at once, and what a killed process
 * left behind (see {@link isAbandoned}) is removed by whoever meets it.
 *
 * @throws TransportError `timeout` after 90 s
 */
export async function withLock<T>(directory: string, ports: Ports, fn: () => Promise<T>): Promise<T> {
  const deadline = ports.clock.monotonic() + waitLimitMs
  for (;;) {
    const own = ownedName('lock')
    await writeFile(join(directory, own), '', { flag: 'wx' })
    try {
      const [other] = await livingLocks(directory, own, ports)
      if (other === undefined) return await fn()
      if (ports.clock.monotonic() > deadline) {
        throw new TransportError('timeout', `another process keeps ${directory} locked`, {
          subject: directory,
          remedy: `If no other process writes there, delete ${other}.`,
        })
      }
    } finally {
      await rm(join(directory, own), { force: true })
    }
    await ports.clock.sleep(2 + (ports.random(1)[0] ?? 0) / 8)
  }
}

async function livingLocks(directory: string, own: string, ports: Ports): Promise<string[]> {
  const living: string[] = []
  for (const name of await readdir(directory)) {
    if (name === own || !isOwned(name, 'lock')) continue
    if (await isAbandoned(directory, name, ports.clock.now().getTime()))
      await rm(join(directory, name), { force: true })
    else living.push(name)
  }
  return living
}

/** Removes temporary files and locks whose makers have ended. */
export async function sweep(directory: string, ports: Ports): Promise<void> {
  for (const name of await readdir(directory)) {
    if (await isAbandoned(directory, name, ports.clock.now().getTime()))
      await rm(join(directory, name), { force: true })
  }
}
