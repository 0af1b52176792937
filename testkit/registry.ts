import { spawn } from 'node:child_process'
import { rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { setTimeout as wait } from 'node:timers/promises'
import { endProcess } from './end-process.ts'
import { freePort } from './free-port.ts'
import { peer, root } from './peers.ts'
import { scratch } from './ports.ts'
import { registryLogin } from './registry-login.ts'

/** Programs that {@link startRegistry} needs, for `withPeers`: our own registry runs on the Node of the tests. */
export const registryPeers = { docker: 'docker-registry', referrers: 'node', quirky: 'node' } as const

export { registryLogin }

/** bcrypt of the password, cost 4. */
const htpasswd = 'user:$2b$04$abcdefghijklmnopqrstuuaUNpTaGyHErb7YklXKRt/SEtSLxPST6\n'

export interface RunningRegistry {
  /** `127.0.0.1:PORT` */
  readonly host: string
  /** Requests so far by method and kind (`GET manifest`), and other events; ours only. */
  requests(): Promise<Record<string, number>>
  close(): Promise<void>
}

export interface RegistryOptions {
  /** docker-registry wants {@link registryLogin}; ours has quirks for that. */
  readonly auth?: boolean
  /** docker-registry wants a token of this service, signed by a key of this authority (path of PEM). */
  readonly token?: { realm: string; authority: string } | undefined
  /** Paths of PEM files: the registry answers to https alone. */
  readonly tls?: { certificate: string; key: string; clientCa?: string } | undefined
  /** Quirks and presets of `tools/registry`, for `quirky`. */
  readonly quirks?: readonly string[]
}

/**
 * Starts a registry on a free loopback port with a store of its own: `docker` (Debian's docker-registry, which lacks the referrers API),
 * `referrers` (ours, which has it), or `quirky` (ours, with the quirks that are named).
 */
export async function startRegistry(
  kind: keyof typeof registryPeers,
  options: RegistryOptions = {},
): Promise<RunningRegistry> {
  return kind === 'docker' ? startDocker(options) : startOurs(options)
}

async function startOurs({ quirks = [], tls }: RegistryOptions): Promise<RunningRegistry> {
  const args = [join(root, 'tools/registry/index.ts'), '--quirks', quirks.join(',')]
  if (tls !== undefined) {
    args.push('--tls-cert', tls.certificate, '--tls-key', tls.key)
    if (tls.clientCa !== undefined) args.push('--client-ca', tls.clientCa)
  }
  const child = spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
  for await (const line of createInterface(child.stdout)) {
    const host = /^listening on (\S+)$/.exec(line)?.[1]
    if (host === undefined) continue
    child.stdout.resume()
    return { host, requests: () => requestsOf(host), close: () => endProcess(child) }
  }
  throw new Error('tools/registry did not start')
}

async function startDocker(options: RegistryOptions): Promise<RunningRegistry> {
  const dir = scratch('registry')
  const host = `127.0.0.1:${await freePort()}`
  const program = peer(registryPeers.docker)
  writeFileSync(join(dir, 'htpasswd'), htpasswd)
  const { token } = options
  const auth =
    token !== undefined
      ? `auth:\n  token:\n    realm: ${token.realm}\n    service: test\n    issuer: test\n    rootcertbundle: ${token.authority}\n`
      : options.auth === true
        ? `auth:\n  htpasswd:\n    realm: test\n    path: ${join(dir, 'htpasswd')}\n`
        : ''
  const tls =
    options.tls === undefined
      ? ''
      : `  tls:\n    certificate: ${options.tls.certificate}\n    key: ${options.tls.key}\n${options.tls.clientCa === undefined ? '' : `    clientcas: [${options.tls.clientCa}]\n`}`
  const config = `version: 0.1\nlog:\n  level: error\nstorage:\n  filesystem:\n    rootdirectory: ${dir}/data\n  delete:\n    enabled: true\nhttp:\n  addr: ${host}\n${tls}${auth}`
  writeFileSync(join(dir, 'config.yml'), config)
  const child = spawn(program, ['serve', join(dir, 'config.yml')], { stdio: 'ignore' })
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
    requests: () => Promise.reject(new Error('docker-registry does not count requests')),
    close: async () => {
      await endProcess(child)
      rmSync(dir, { recursive: true, force: true, maxRetries: 3 })
    },
  }
}

async function requestsOf(host: string): Promise<Record<string, number>> {
  return (await (await fetch(`http://${host}/_requests`)).json()) as Record<string, number>
}
