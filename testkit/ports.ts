import { mkdtempSync } from 'node:fs'
import { randomBytes } from 'node:crypto'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Http, Log, Ports } from '../src/base/ports.ts'
import { makePorts } from '../src/runner/make-ports.ts'

/** A log that keeps its lines. */
export function recordingLog(): Log & { lines: string[] } {
  const lines: string[] = []
  const keep = (message: string): void => {
    lines.push(message)
  }
  return {
    lines,
    debug: keep,
    info: keep,
    warn: keep,
    progress: keep,
    group: (title, fn) => {
      keep(title)
      return fn()
    },
    mask: () => {},
  }
}

/** HTTP with answers of the test's own; there is no server whose key could be asked. */
export function fakeHttp(request: Http['request']): Http {
  return { request, hosts: () => [], serverKey: (url) => Promise.reject(new Error(`${url} has no TLS here`)) }
}

/** A fresh private folder for one test. */
export function scratch(name = 'test'): string {
  return mkdtempSync(join(tmpdir(), `sealwright-${name}-`))
}

/** Real ports with a private temp, an empty environment but PATH and HOME, a quiet log; override what the test is about. */
export function testPorts(overrides: Partial<Ports> = {}): Ports {
  const temp = scratch()
  const base = makePorts({
    env: { PATH: process.env['PATH'], HOME: process.env['HOME'] },
    cwd: temp,
    temp,
    log: recordingLog(),
  })
  return {
    ...base,
    random: randomBytes,
    roots: {
      cwd: temp,
      temp,
      tsm: join(temp, 'tsm'),
      dev: join(temp, 'dev'),
      proc: '/proc',
      securityfs: join(temp, 'securityfs'),
      misc: join(temp, 'misc'),
      acpi: join(temp, 'acpi'),
    },
    ...overrides,
  }
}
