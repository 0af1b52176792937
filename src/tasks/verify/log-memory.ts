import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { Caller } from '../../agent/caller.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { collect, once, type ByteSource } from '../../base/streams.ts'
import { fromBase64, toBase64 } from '../../encoding/base64.ts'
import type { LogFiles } from '../../log/files.ts'
import { LogHistory } from '../../log/history.ts'
import { fileMemory, type Memory } from '../../log/memory.ts'
import { checkpointLimit, readHead } from '../../log/open-log.ts'
import { openLogFiles } from '../../log/open-store.ts'
import type { PinnedLog } from '../../log/pinned-log.ts'
import { withLock } from '../../oci/lock.ts'

/** What a step tells the gate of the log that the policy pins. */
export interface LogMemoryRequest {
  /** The last checkpoint that was seen, in base64; null for none. */
  last: string | null
  /** Place of the log, whose files the step serves as `log:PATH`; null where its tiles are not at hand. */
  place: string | null
}

/** The memory of a step. */
export interface LogMemory {
  request: LogMemoryRequest
  /** Serves a file of the log; empty for one that it does not have, since no file of a log is empty. @throws InputError `not-found` */
  fetch(path: string): Promise<ByteSource>
  /** Keeps the checkpoint that the gate returned. @param checkpoint in base64; null to keep the old one */
  remember(checkpoint: string | null): Promise<void>
}

/** Largest file of a log that is served: a full bundle of the longest entries. */
const fileLimit = 256 * 65_537

/**
 * Opens what is remembered of a log.
 *
 * @param directory absolute; one file a log
 * @param place of the log (a directory, `oci:…`, `HOST/NAME` or `https://…`); null where it cannot be asked
 * @throws InputError `reference-invalid`
 */
export async function openLogMemory(
  log: PinnedLog,
  directory: string,
  place: string | null,
  ports: Ports,
): Promise<LogMemory> {
  const memory = fileMemory(join(directory, `${log.id.toString('hex')}.checkpoint`))
  const last = await memory.recall()
  const files = place === null ? null : openLogFiles(place, ports)
  return {
    request: { last: last === null ? null : toBase64(last), place: files?.name ?? null },
    fetch: async (path) => {
      if (files === null) throw new InputError('not-found', `nothing is served as "log:${path}"`)
      return once((await files.read(path, fileLimit)) ?? Buffer.alloc(0))
    },
    remember: async (checkpoint) => {
      if (checkpoint === null) return
      await mkdir(directory, { recursive: true, mode: 0o700 })
      await withLock(directory, ports, () => keep(memory, fromBase64(checkpoint, 'checkpoint'), log))
    },
  }
}

/** Another run may have seen more in between. */
async function keep(memory: Memory, note: Buffer, { key }: PinnedLog): Promise<void> {
  const before = await memory.recall()
  const size = (bytes: Buffer): number => readHead(bytes, key, memory.name).size
  if (before === null || size(before) < size(note)) await memory.remember(note)
}

/** The history that a request tells of, with the files that its step serves. Nothing of it is believed: the key of the log signs the checkpoints. */
export function historyOf({ last, place }: LogMemoryRequest, caller: Caller): LogHistory {
  const files: LogFiles | null =
    place === null
      ? null
      : {
          name: place,
          read: async (path, limit) => {
            const bytes = await collect(await caller.fetch(`log:${path}`), limit, `${path} of ${place}`)
            return bytes.length === 0 ? null : bytes
          },
        }
  return new LogHistory(last === null ? null : fromBase64(last, 'the remembered checkpoint'), files)
}

/** Longest text of a checkpoint in a request. */
export const lastLimit = Math.ceil(checkpointLimit / 3) * 4
