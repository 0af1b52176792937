import { readdir, readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError } from '../base/errors.ts'
import type { Http, Ports, TlsOptions } from '../base/ports.ts'
import { certificatesIn } from '../encoding/pem-certificates.ts'

/**
 * Folders that may hold certificates for a registry: those of podman, buildah and skopeo (containers-certs.d(5)) and of docker, the user's before the
 * machine's. Only the first that exists is read.
 *
 * @param host `HOST[:PORT]`, as references write it
 */
export function certificateFolders(host: string, { env }: Pick<Ports, 'env'>): string[] {
  const { HOME: home, XDG_CONFIG_HOME: config, DOCKER_CONFIG: docker } = env
  const below = (folder: string | undefined, path: string): string[] =>
    folder === undefined || folder === '' ? [] : [join(folder, path, 'certs.d', host)]
  return [
    ...(config === undefined || config === '' ? below(home, '.config/containers') : below(config, 'containers')),
    ...(docker === undefined || docker === '' ? below(home, '.docker') : below(docker, '')),
    ...below('/etc', 'containers'),
    ...below('/etc', 'docker'),
  ]
}

const known = new WeakMap<Http, Map<string, Promise<TlsOptions | undefined>>>()

/**
 * What a host's `certs.d` folder says about it: authorities (`*.crt`), and our certificate (`NAME.cert` with `NAME.key`). A folder counts for its
 * own host only, so neither goes along to the host of a redirect or of a token service. Read once for each host.
 *
 * @returns undefined where no such folder exists
 * @throws InputError `file-missing`, `file-invalid`
 */
export function certificatesFor(host: string, ports: Pick<Ports, 'env' | 'http'>): Promise<TlsOptions | undefined> {
  const hosts = known.get(ports.http) ?? new Map<string, Promise<TlsOptions | undefined>>()
  known.set(ports.http, hosts)
  const found = hosts.get(host) ?? readFolders(host, ports)
  hosts.set(host, found)
  return found
}

async function readFolders(host: string, ports: Pick<Ports, 'env'>): Promise<TlsOptions | undefined> {
  for (const folder of certificateFolders(host, ports)) {
    const names = await readdir(folder).catch((cause: NodeJS.ErrnoException) => {
      // Docker makes /etc/docker for root alone: what a user may not see is not there for them, as podman has it.
      if (['ENOENT', 'ENOTDIR', 'EACCES'].includes(cause.code ?? '')) return null
      throw unreadable(folder, cause)
    })
    if (names !== null) return readFolder(folder, names.sort())
  }
  return undefined
}

async function readFolder(folder: string, names: readonly string[]): Promise<TlsOptions> {
  const read = (name: string): Promise<string> =>
    readFile(join(folder, name), 'latin1').catch((cause: unknown) => {
      throw unreadable(join(folder, name), cause)
    })
  const ca: string[] = []
  for (const name of names.filter((one) => one.endsWith('.crt'))) {
    const text = await read(name)
    ca.push(...usable(join(folder, name), () => certificatesIn(text)))
  }
  const ours = names.filter((name) => /\.(?:cert|key)$/.test(name)).map((name) => name.replace(/\.[a-z]+$/, ''))
  const [first] = ours
  for (const name of ours) {
    for (const part of [`${name}.cert`, `${name}.key`]) {
      if (names.includes(part)) continue
      throw new InputError('file-missing', `${folder} holds one of ${name}.cert and ${name}.key, but not ${part}`, {
        subject: folder,
        remedy: `Put ${part} beside it. A certificate of an authority ends in .crt.`,
      })
    }
  }
  const authorities = ca.length === 0 ? {} : { ca }
  if (first === undefined) return authorities
  // Of several the first counts: which one the server wants is known only in the middle of a handshake.
  const [certificate, key] = [await read(`${first}.cert`), await read(`${first}.key`)]
  const { createSecureContext } = await import('node:tls')
  usable(join(folder, `${first}.cert`), () => createSecureContext({ cert: certificate, key }))
  return { ...authorities, certificate, key }
}

/** A broken file would else show itself as a connection that fails without a reason. */
function usable<T>(path: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw new InputError('file-invalid', `${path} cannot be used: ${String(Object(cause).message ?? cause)}`, {
      subject: path,
      cause,
      remedy: 'Write PEM: certificates into .crt and .cert, the private key that belongs to NAME.cert into NAME.key.',
    })
  }
}

function unreadable(path: string, cause: unknown): InputError {
  return new InputError('file-missing', `${path} cannot be read: ${String(Object(cause).code ?? cause)}`, {
    subject: path,
    cause,
    remedy: 'Let this user read it, or remove it.',
  })
}
