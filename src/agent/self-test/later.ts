import { containerSockets, devices } from './rights.ts'
import type { Machine, SelfCheck } from './types.ts'
import { engines } from './workers.ts'

/** What a check reads of a running machine. */
interface OfBoot {
  paths: readonly string[]
  /** It fails without these files; otherwise it passes without them, and shows nothing. */
  fails: boolean
}

/** Checks that only a boot can decide, where none of these files is in the tree. */
function ofBoot({ agent, socket, workers }: Machine): Readonly<Record<string, OfBoot>> {
  const needs = (...paths: string[]): OfBoot => ({ paths, fails: true })
  const sees = (paths: readonly string[]): OfBoot => ({ paths, fails: false })
  return {
    // Without a user for the agent no boot makes it right.
    ...(agent === null ? {} : { 'agent-socket': needs(socket) }),
    'worker-socket': needs(workers.socket),
    ptrace: needs('/proc/sys/kernel/yama/ptrace_scope'),
    storage: needs('/proc/self/mountinfo'),
    swap: needs('/proc/swaps'),
    'core-dumps': needs('/proc/sys/kernel/core_pattern', '/proc/sys/fs/suid_dumpable'),
    'user-namespaces': needs('/proc/sys/user/max_user_namespaces'),
    tun: needs('/dev/net/tun'),
    'tee-devices': sees(devices),
    'container-sockets': sees(containerSockets),
    'worker-engines': sees(engines),
    'worker-folder': sees([workers.directory]),
  }
}

/** The checks of a tree that is not booted: what only a boot shows is neither passed nor failed, unless the tree already contradicts it. */
export async function leavingBoot(machine: Machine, checks: readonly SelfCheck[]): Promise<SelfCheck[]> {
  const table = ofBoot(machine)
  const result: SelfCheck[] = []
  for (const check of checks) {
    const entry = Object.hasOwn(table, check.name) ? table[check.name] : undefined
    const open = entry !== undefined && (check.ok || entry.fails) && !(await anyIn(machine, entry.paths))
    result.push(open ? { ...check, ok: false, later: true, why: 'seen on the booted machine only', remedy: '' } : check)
  }
  return result
}

async function anyIn({ tree }: Machine, paths: readonly string[]): Promise<boolean> {
  for (const path of paths) if ((await tree.entry(path)) !== null) return true
  return false
}
