import { createHash, randomBytes } from 'node:crypto'
import { readFileSync, readlinkSync } from 'node:fs'
import { stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { join } from 'node:path'

const prefix = '.sealwright-'
const nameForm = /^\.sealwright-([0-9a-f]{12})-([0-9]+)-([0-9]+)-[0-9a-f]{16}\.(lock|tmp)$/

/** A file of another machine is believed abandoned after this long: locks are held for milliseconds, a blob may take hours. */
const foreignAgeMs = { lock: 60_000, tmp: 24 * 3_600_000 } as const

/**
 * A fresh file name that tells who made it (machine and boot, process id, process start), so that a later process can see
 * whether the maker still lives. The name never comes twice: deleting a dead maker's file can hit nobody else's.
 */
export function ownedName(kind: 'lock' | 'tmp'): string {
  const start = startOf(process.pid) ?? '0'
  return `${prefix}${machine()}-${process.pid}-${start}-${randomBytes(8).toString('hex')}.${kind}`
}

export function isOwned(name: string, kind?: 'lock' | 'tmp'): boolean {
  const found = nameForm.exec(name)
  return found !== null && (kind === undefined || found[4] === kind)
}

/**
 * Whether the maker of a file in `directory` has ended. On this machine that is a question of the process table
 * (a killed process that nobody has reaped yet counts as ended); for another machine only age can tell.
 *
 * @param now milliseconds since the epoch
 */
export async function isAbandoned(directory: string, name: string, now: number): Promise<boolean> {
  const found = nameForm.exec(name)
  if (found === null) return false
  const [, host, pid, start, kind] = found
  if (host === machine()) {
    const living = startOf(Number(pid))
    // Where there is no /proc, the process id alone has to do.
    return living === null || (living !== start && living !== '0' && start !== '0')
  }
  const info = await stat(join(directory, name)).catch(() => null)
  return info !== null && now - info.mtimeMs > foreignAgeMs[kind === 'lock' ? 'lock' : 'tmp']
}

/** Start time of a living process in clock ticks (`/proc/PID/stat` field 22), `'0'` if unknown, null if it does not live. */
function startOf(pid: number): string | null {
  try {
    process.kill(pid, 0)
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ESRCH') return null
  }
  try {
    const text = readFileSync(`/proc/${pid}/stat`, 'latin1')
    // The program's name, in parentheses, may hold spaces; the fields after it do not.
    const fields = text.slice(text.lastIndexOf(')') + 2).split(' ')
    return fields[0] === 'Z' || fields[0] === 'X' ? null : (fields[19] ?? '0')
  } catch {
    return '0'
  }
}

let machineTag: string | undefined

/** Names host, boot and process-id namespace: only inside one of these do process ids mean the same. */
function machine(): string {
  const part = (read: () => string): string => {
    try {
      return read()
    } catch {
      return ''
    }
  }
  machineTag ??= createHash('sha256')
    .update(
      `${hostname()}\n${part(() => readFileSync('/proc/sys/kernel/random/boot_id', 'latin1'))}\n${part(() => readlinkSync('/proc/self/ns/pid'))}`,
    )
    .digest('hex')
    .slice(0, 12)
  return machineTag
}
