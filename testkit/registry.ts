import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { freePort } from './free-port.ts'
import { peer } from './peers.ts'
import { scratch } from './ports.ts'

/** Programs that {@link startRegistry} needs, for `withPeers`. */
export const registryPeers = { docker: 'docker-registry', referrers: 'oci-registry' } as const

/** Name and password that a registry started with `auth` takes. */
export const registryLogin = { username: 'user', password: 's3cret-pass' } as const

/** bcrypt of the password, cost 4. */
const htpasswd = 'user:$2b$04$abcdefghijklmnopqrstuuaUNpTaGyHErb7YklXKRt/SEtSLxPST6\n'

export interface RunningRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string
  close(): Promise<void>
}

/**
 * Starts a real registry on a free loopback port with a store of its own: `docker` (Debian's docker-registry, which lacks the
 * referrers API) or `referrers` (has it). With `auth`, docker-registry wants {@link registryLogin}.
 */
export async function startRegistry(
  kind: 'docker' | 'referrers',
  options: { auth?: boolean } = {},
): Promise<RunningRegistry> {
  const dir = scratch('registry')
  const host = `127.0.0.1:${await freePort()}`
  const program = peer(registryPeers[kind])
  let args = ['-addr', host]
  if (kind === 'docker') {
    writeFileSync(join(dir, 'htpasswd'), htpasswd)
    const auth =
      options.auth === true ? `auth:\n  htpasswd:\n    realm: test\n    path: ${join(dir, 'htpasswd')}\n` : ''
    const config = `version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: ${dir}/data\n  delete:\n    enabled: true\nhttp:\n  addr: ${host}\n${auth}`
    writeFileSync(join(dir, 'config.yml'), config)
    args = ['serve', join(dir, 'config.yml')]
  }
  const child = spawn(program, args, { stdio: 'ignore' })
  const ended = once(child, 'exit')
  for (let i = 0; ; i++) {
    const response = await fetch(`http://${host}/v2/`).catch(() => null)
    await response?.body?.cancel()
    if (response !== null) break
    if (i > 200 || child.exitCode !== null) {
      child.kill()
      throw new Error(`${program} did not start`)
    }
    await wait(50)
  }
  return {
    host,
    close: async () => {
      child.kill()
      await ended
      rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}
