import { existsSync } from 'node:fs'
import { lstat, readdir, readlink, realpath } from 'node:fs/promises'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { choosePath, within } from './path.ts'
import type { HostView, SandboxNetwork } from './types.ts'

/** Needed of /etc, and without secrets: no keys below ssl or pki, no credentials of package managers, no host names. */
export const etcNames = [
  ...['ld.so.cache', 'ld.so.conf', 'ld.so.conf.d', 'alternatives', 'services', 'protocols', 'mime.types', 'gai.conf'],
  ...['ssl/certs', 'ssl/openssl.cnf', 'ca-certificates', 'ca-certificates.conf', 'crypto-policies'],
  ...['pki/ca-trust', 'pki/tls/certs', 'pki/tls/cert.pem', 'pki/tls/openssl.cnf'],
  ...[
    'containers/policy.json',
    'containers/registries.conf',
    'containers/registries.conf.d',
    'containers/storage.conf',
  ],
  ...['containers/containers.conf', 'perl'],
]
const etcPatterns = /^(?:java|python)[-\d.a-z]*$/

const certificates = ['NODE_EXTRA_CA_CERTS', 'SSL_CERT_FILE', 'SSL_CERT_DIR']
const proxies = ['HTTP_PROXY', 'HTTPS_PROXY', 'NO_PROXY', 'http_proxy', 'https_proxy', 'no_proxy']

/**
 * Finds what of this machine a sandbox may show.
 *
 * @param secret folders of the job that are never shown, whatever PATH says: its state, its output
 * @throws InputError `unsupported` where the machine has no folder that mounts could be laid over
 */
export async function viewHost(network: SandboxNetwork, secret: readonly string[], ports: Ports): Promise<HostView> {
  const { env, roots: places } = ports
  const closed = [env['HOME'], env['RUNNER_TEMP'], env['GITHUB_WORKSPACE'], places.temp, places.cwd]
  const choice = choosePath({
    path: await withoutLinks(env['PATH'] ?? ''),
    toolCache: await real(env['RUNNER_TOOL_CACHE'] ?? env['AGENT_TOOLSDIRECTORY']),
    closed: await allReal(closed),
    secret: await allReal([...secret, env['SEALWRIGHT_STATE'], '/run/sealwright', env['SEALWRIGHT_AGENT_SOCKET']]),
    exists: existsSync,
  })
  const stage = ['/mnt', '/media', '/srv', '/home'].find((path) => existsSync(path))
  if (stage === undefined) {
    throw new InputError('unsupported', 'the sandbox needs one of the folders /mnt, /media, /srv, /home', {
      subject: 'sandbox',
      remedy: 'Create an empty folder /mnt on the runner.',
    })
  }
  const passed: Record<string, string> = {}
  const tools = [...choice.folders]
  for (const name of network === 'none' ? certificates : [...certificates, ...proxies]) {
    const value = env[name]
    if (value === undefined || value === '') continue
    passed[name] = value
    if (certificates.includes(name) && existsSync(value) && !['/usr', ...tools].some((top) => within(value, top)))
      tools.push(value)
  }
  return {
    roots: await rootNames(),
    etc: await etcPaths(),
    tools: tools.filter((path) => !path.startsWith('/etc/ssl/certs')),
    path: choice.path,
    recordedPath: choice.recorded,
    env: passed,
    stage,
  }
}

/** `/bin`, `/lib64` and their like: links into /usr, or folders of their own on older systems. */
async function rootNames(): Promise<HostView['roots']> {
  const found: { name: string; link: string | null }[] = []
  for (const name of ['bin', 'sbin', 'lib', 'lib32', 'lib64', 'libx32']) {
    const entry = await lstat(`/${name}`).catch(() => null)
    if (entry?.isSymbolicLink() === true) found.push({ name, link: await readlink(`/${name}`) })
    else if (entry?.isDirectory() === true) found.push({ name, link: null })
  }
  return found
}

async function etcPaths(): Promise<string[]> {
  const names = [...etcNames, ...(await readdir('/etc').catch(() => [])).filter((name) => etcPatterns.test(name))]
  return names.map((name) => `/etc/${name}`).filter((path) => existsSync(path))
}

/** PATH with the links of its entries followed, so that no entry leads elsewhere than it says. */
async function withoutLinks(path: string): Promise<string> {
  const entries = path.split(':').filter((entry) => entry !== '')
  return (await Promise.all(entries.map(async (entry) => (await real(entry)) ?? ''))).join(':')
}

async function real(path: string | undefined): Promise<string | null> {
  return path === undefined || path === '' ? null : realpath(path).catch(() => null)
}

async function allReal(paths: readonly (string | undefined)[]): Promise<string[]> {
  return (await Promise.all(paths.map(real))).filter((path) => path !== null)
}
