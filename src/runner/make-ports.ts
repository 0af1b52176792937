import { randomBytes } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import { tmpdir } from 'node:os'
import type { Log, Ports } from '../base/ports.ts'
import { makeExec } from './exec.ts'
import { makeHttp } from './http.ts'
import { silentLog } from './log.ts'

/** Absolute paths of our own programs, which differ between sources and bundle. */
export interface Programs {
  readonly agent: string
  readonly threads?: string | undefined
}

export interface PortOptions {
  readonly env: Readonly<Record<string, string | undefined>>
  readonly cwd: string
  readonly temp?: string | undefined
  readonly log?: Log | undefined
  /** {@link Programs.threads}; default: no threads. */
  readonly threads?: string | undefined
}

/** The real world as {@link Ports}: made once, at a door. */
export function makePorts(options: PortOptions): Ports {
  return {
    clock: {
      now: () => new Date(),
      monotonic: () => performance.now(),
      sleep: (ms, signal) => wait(ms, undefined, signal === undefined ? {} : { signal }),
    },
    random: (n) => randomBytes(n),
    http: makeHttp(options.env),
    exec: makeExec(options.env),
    log: options.log ?? silentLog,
    env: options.env,
    threads: options.threads,
    roots: {
      cwd: options.cwd,
      temp: options.temp ?? options.env['RUNNER_TEMP'] ?? tmpdir(),
      tsm: '/sys/kernel/config/tsm',
      dev: '/dev',
      proc: '/proc',
      securityfs: '/sys/kernel/security',
      misc: '/sys/devices/virtual/misc',
      acpi: '/sys/firmware/acpi/tables',
    },
  }
}
