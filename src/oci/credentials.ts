import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError, TransportError } from '../base/errors.ts'
import { whyUnread } from '../base/files.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { printable } from '../base/printable.ts'

/**
 * A name and password, an identity token that only a token service takes (docker's `identitytoken`; some services want the name with it), or a token
 * that the registry itself takes (docker's `registrytoken`).
 */
export type Credential = (
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity' | 'registry'; readonly token: string; readonly username: string | null }
) & {
  /** The file, or file and helper, that it comes from. */
  readonly source: string
}

const dockerHubKeys = ['https://index.docker.io/v1/', 'index.docker.io', 'registry-1.docker.io', 'docker.io']

/**
 * The credential for a registry, from the first file that has one: see {@link credentialFiles}. In each: `credHelpers`, then `auths`, then
 * `credsStore`. Only an entry for exactly this host counts, or for a path prefix of the repository (containers-auth.json(5)).
 *
 * @returns null when there is none
 * @throws InputError `file-missing`, `file-invalid`, `tool-missing` · TransportError `unauthorized` when a helper fails
 */
export async function findCredential(host: string, repository: string, ports: Ports): Promise<Credential | null> {
  if (ports.remote !== undefined) return credentialOf(await ports.remote.credential(host, repository))
  for (const path of credentialFiles(ports)) {
    const document = await readConfig(path, path === ports.env['REGISTRY_AUTH_FILE'])
    const found = document === null ? null : await lookUp(document, path, host, repository, ports)
    if (found !== null) return found
  }
  return null
}

async function lookUp(
  document: JsonObject,
  path: string,
  host: string,
  repository: string,
  ports: Ports,
): Promise<Credential | null> {
  const keys = keysFor(host, repository)
  const helpers = document['credHelpers']
  for (const key of keys) {
    const helper = isObject(helpers) ? helpers[key] : undefined
    if (typeof helper === 'string') return askHelper(helper, key, `${path}: credHelpers`, ports)
  }
  const auths = document['auths']
  for (const key of keys) {
    const entry = isObject(auths) ? auths[key] : undefined
    const found = isObject(entry) ? readEntry(entry, path, `${path}: auths[${JSON.stringify(key)}]`) : null
    if (found !== null) return found
  }
  const store = document['credsStore']
  if (typeof store !== 'string' || store === '') return null
  return askHelper(store, host === 'docker.io' ? 'https://index.docker.io/v1/' : host, `${path}: credsStore`, ports)
}

/**
 * Files in which logins are looked for, in this order: `REGISTRY_AUTH_FILE` alone where it is set, else those of podman, buildah and skopeo
 * (containers-auth.json(5)), then those of docker.
 */
export function credentialFiles({ env }: Pick<Ports, 'env'>): string[] {
  const named = env['REGISTRY_AUTH_FILE']
  if (named !== undefined && named !== '') return [named]
  const { HOME: home, XDG_RUNTIME_DIR: runtime, XDG_CONFIG_HOME: config, DOCKER_CONFIG: docker } = env
  const below = (folder: string | undefined, ...path: string[]): string[] =>
    folder === undefined || folder === '' ? [] : [join(folder, ...path)]
  const uid = process.getuid?.()
  return [
    ...(runtime === undefined || runtime === ''
      ? below(uid === undefined ? undefined : '/run/containers', String(uid), 'auth.json')
      : below(runtime, 'containers/auth.json')),
    ...(config === undefined || config === ''
      ? below(home, '.config/containers/auth.json')
      : below(config, 'containers/auth.json')),
    ...(docker === undefined || docker === '' ? below(home, '.docker/config.json') : below(docker, 'config.json')),
    ...below(home, '.dockercfg'),
  ]
}

async function readConfig(path: string, named: boolean): Promise<JsonObject | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (!named && (cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new InputError('file-missing', `the registry credentials in "${path}" cannot be read${whyUnread(cause)}`, {
      subject: path,
      cause,
      remedy: named
        ? 'Correct REGISTRY_AUTH_FILE, or log in to the registry again (skopeo login --authfile).'
        : 'Make the file readable for this user, or log in to the registry again.',
    })
  }
  // `podman logout` and a first `docker login` leave such a file.
  if (text.trim() === '') return null
  const document = parseJson(text, path, 'input')
  // Docker's oldest form has the entries at the top.
  if (isObject(document)) return path.endsWith('/.dockercfg') ? { auths: document } : document
  throw new InputError('file-invalid', `${path} is not a JSON object`, { subject: path })
}

/** Most specific first. */
function keysFor(host: string, repository: string): string[] {
  const parts = repository.split('/')
  const paths = parts.map((_, i) => `${host}/${parts.slice(0, parts.length - i).join('/')}`)
  const forms = [
    host,
    `https://${host}`,
    `https://${host}/`,
    `https://${host}/v1/`,
    `https://${host}/v2/`,
    `http://${host}`,
  ]
  return [...paths, ...forms, ...(host === 'docker.io' ? dockerHubKeys : [])]
}

function readEntry(entry: JsonObject, source: string, subject: string): Credential | null {
  const registry = text(entry['registrytoken'])
  const identity = text(entry['identitytoken'])
  if (identity === null && registry !== null) return { kind: 'registry', token: registry, username: null, source }
  const login = namePassword(entry, source, subject)
  if (identity !== null) return { kind: 'identity', token: identity, username: login?.username ?? null, source }
  return login
}

function namePassword(entry: JsonObject, source: string, subject: string): (Credential & { kind: 'basic' }) | null {
  const username = text(entry['username'])
  const { password } = entry
  // Some services take the token as the name, with an empty password.
  if (username !== null && typeof password === 'string') return { kind: 'basic', username, password, source }
  const auth = text(entry['auth'])
  if (auth === null) return null
  const decoded = Buffer.from(auth, 'base64').toString('utf8')
  const colon = decoded.indexOf(':')
  if (colon < 1) {
    throw new InputError('file-invalid', `${subject} does not hold base64 of NAME:PASSWORD`, {
      subject,
      remedy: 'Log in to the registry again.',
    })
  }
  // Docker's own reader takes away the NUL bytes that some writers leave at the end.
  const secret = decoded.slice(colon + 1).replace(/\0+$/, '')
  return { kind: 'basic', username: decoded.slice(0, colon), password: secret, source }
}

/** @param named the file and member that name the helper */
async function askHelper(helper: string, server: string, named: string, ports: Ports): Promise<Credential | null> {
  if (!/^[A-Za-z0-9._-]+$/.test(helper)) {
    throw new InputError('file-invalid', `${named}: ${JSON.stringify(helper)} is not the name of a credential helper`, {
      subject: helper,
      remedy: 'Write the part of its name behind docker-credential-.',
    })
  }
  const program = `docker-credential-${helper}`
  if ((await ports.exec.find(program)) === null) {
    throw new InputError('tool-missing', `${named} names ${program}, which is not in PATH`, {
      subject: server,
      remedy: `Install ${program}, or remove it from that file and log in again.`,
    })
  }
  const result = await ports.exec.run(program, ['get'], { input: server, allowFailure: true, timeoutMs: 60_000 })
  const output = result.stdout.toString('utf8')
  if (result.code !== 0) {
    // The helpers' common library says this when the store simply has no entry.
    if (/credentials not found/i.test(output + result.stderr)) return null
    // Helpers write their error to stdout. A secret never stands there on failure, but only its beginning is shown.
    const [line = ''] = (output.trim() || result.stderr.trim()).split('\n')
    const why = printable(line.slice(0, 200))
    throw new TransportError('unauthorized', `${program} ended with ${result.code}${why === '' ? '' : `: ${why}`}`, {
      subject: server,
      remedy: `Check ${program} (${named}), or log in again.`,
    })
  }
  const found = parseJson(output, `the answer of ${program}`, 'input')
  const username = isObject(found) ? text(found['Username']) : null
  const secret = isObject(found) ? found['Secret'] : null
  if (typeof secret !== 'string' || (secret === '' && username === null)) return null
  const source = `${program} (${named})`
  return username === null || username === '<token>'
    ? { kind: 'identity', token: secret, username: null, source }
    : { kind: 'basic', username, password: secret, source }
}

function text(value: JsonValue | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** What the step of a worker found. */
function credentialOf(value: JsonValue): Credential | null {
  if (!isObject(value)) return null
  const { kind, username, password, token } = value
  const source = text(value['source']) ?? 'the job'
  if ((kind === 'identity' || kind === 'registry') && typeof token === 'string')
    return { kind, token, username: typeof username === 'string' ? username : null, source }
  if (kind === 'basic' && typeof username === 'string' && typeof password === 'string')
    return { kind, username, password, source }
  return null
}
