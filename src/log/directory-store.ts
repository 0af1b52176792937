import { mkdir, open, rm } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError, systemError, TransportError } from '../base/errors.ts'
import { readPlainFile, replaceFile, requireEmpty } from '../base/files.ts'
import type { Ports } from '../base/ports.ts'
import { sweep, withLock } from '../oci/lock.ts'
import { checkpointFile, type LogFiles, type LogStore, type NamedFiles, type Publication } from './files.ts'
import { tilePath, tileWidth } from './tiles.ts'

const readableByAll = { mode: 0o666 } as const

/** A log in a directory, for reading. @param directory absolute path */
export function directoryFiles(directory: string): LogFiles {
  return { name: directory, read: (path, limit) => readPlainFile(join(directory, path), limit) }
}

/**
 * A log in a directory. Every file is flushed to disk under its final name before the checkpoint takes the place of the old one by renaming: a
 * process that is killed at any moment leaves the old log or the new one. Files of a write that did not come to its checkpoint are overwritten by
 * the next one; what a checkpoint covers is never written again.
 *
 * @param directory absolute path
 */
export function openDirectoryStore(directory: string, ports: Ports): LogStore {
  const files = directoryFiles(directory)
  const write = async (path: string, bytes: Uint8Array): Promise<void> => {
    const target = join(directory, path)
    await makeFolder(directory, dirname(target))
    // Temporary files lie in the top folder, where they are found after a crash.
    await replaceFile(target, bytes, { ...readableByAll, through: directory })
  }
  return {
    ...files,
    locks: true,
    exclusive: async (fn) => {
      await requireLog(directory)
      return withLock(directory, ports, async () => {
        await sweep(directory, ports)
        return fn()
      })
    },
    create: async (checkpoint, named: NamedFiles) => {
      await requireEmpty(directory)
      await mkdir(directory, { recursive: true })
      for (const [path, bytes] of Object.entries(named)) await write(path, bytes)
      await write(checkpointFile, checkpoint)
    },
    publish: async ({ tiles, checkpoint, base, beforeCheckpoint }: Publication) => {
      // Full tiles first: a reader of the old checkpoint may look for them when a partial one is gone.
      for (const { id, bytes } of tiles) await write(tilePath(id), bytes)
      const now = await files.read(checkpointFile, 1 << 16)
      // The lock makes this impossible, unless a machine without a clock in common took it for abandoned.
      if (now === null || base === null || !now.equals(base)) return false
      await beforeCheckpoint?.()
      await write(checkpointFile, checkpoint)
      for (const { id } of tiles) {
        if (id.width !== tileWidth) continue
        // Readers take the full tile where the partial ones are gone (C2SP tlog-tiles, "Partial Tiles").
        await rm(join(directory, `${tilePath(id)}.p`), { recursive: true, force: true })
      }
      return true
    },
  }
}

async function requireLog(directory: string): Promise<void> {
  const found = await readPlainFile(join(directory, checkpointFile), 1 << 16)
  if (found !== null) return
  throw new InputError('not-found', `"${directory}" does not hold a log: it has no checkpoint`, {
    subject: directory,
    remedy: 'Make one with sealwright log init, or name its directory.',
  })
}

/** Makes a folder whose name survives a power failure: each new level is flushed into the one above. */
async function makeFolder(top: string, folder: string): Promise<void> {
  const first = await mkdir(folder, { recursive: true }).catch((cause: unknown) => {
    throw (
      systemError(cause) ??
      new TransportError('tool-failed', `"${folder}" cannot be made`, {
        subject: folder,
        cause,
        remedy: 'Check the permissions of the log directory and the free space.',
      })
    )
  })
  if (first === undefined) return
  for (let level = dirname(folder); level.length >= top.length; level = dirname(level)) {
    const handle = await open(level, 'r')
    await handle.sync().finally(() => handle.close())
  }
}
