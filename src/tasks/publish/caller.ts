import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { Caller } from '../../agent/caller.ts'
import { InputError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import { once } from '../../base/streams.ts'
import type { Ports } from '../../base/ports.ts'
import type { KbsConnection } from '../../kbs-server/connect.ts'
import { writeDelivered } from '../delivered.ts'

/**
 * Serves the admin credential and the sources that a plan names, which it masks, and writes the plan and what was written.
 *
 * @param adminKey private key or ready token; null where the KBS is embedded or nothing is written
 * @param paths of the files that are delivered, by name
 */
export function publishCaller(
  adminKey: string | null,
  kbs: KbsConnection,
  paths: Readonly<Record<string, string>>,
  ports: Ports,
): Caller {
  return {
    fetch: async (name) => {
      const path = /^file:(.+)$/s.exec(name)?.[1]
      if (path === undefined) throw new InputError('not-found', `nothing is served as "${name}"`)
      return once(await readNamedFile(resolve(ports.roots.cwd, path), 'plan', { shown: 'plan' }))
    },
    secret: async (name) => {
      const credential = kbs.embedded?.adminKeyPem ?? adminKey
      if (name === 'admin-key') return credential === null ? null : Buffer.from(credential)
      if (!name.startsWith('source:')) return null
      const bytes = await readSource(name.slice('source:'.length), ports)
      if (bytes !== null) hide(bytes, ports)
      return bytes
    },
    deliver: async (name, bytes) => {
      const path = paths[name]
      if (path === undefined) throw new InputError('not-found', `no file is kept as "${name}"`)
      await writeDelivered(path, bytes, 0o600)
    },
  }
}

/** Masks a secret in every form that a log could show. It is done here, since what a worker logs passes through the agent. */
function hide(bytes: Buffer, { log }: Ports): void {
  if (bytes.length === 0) return
  for (const form of ['utf8', 'base64', 'base64url', 'hex'] as const) log.mask(bytes.toString(form))
  log.mask([...bytes].join(','))
}

/** `env:NAME` or `file:PATH` of a plan; null where there is none. */
async function readSource(source: string, ports: Ports): Promise<Buffer | null> {
  const rest = source.slice(source.indexOf(':') + 1)
  if (source.startsWith('env:')) {
    const value = ports.env[rest]
    return value === undefined ? null : Buffer.from(value)
  }
  return readFile(resolve(ports.roots.cwd, rest)).catch(() => null)
}
