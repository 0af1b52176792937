import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { InputError, TransportError } from '../base/errors.ts'
import { isObject, parseJson, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'

/** A name and password, or an identity token that only a token service takes (docker's `identitytoken`). */
export type Credential =
  | { readonly kind: 'basic'; readonly username: string; readonly password: string }
  | { readonly kind: 'identity'; readonly token: string }

const dockerHubKeys = ['https://index.docker.io/v1/', 'index.docker.io', 'registry-1.docker.io', 'docker.io']

/**
 * The credential for a registry from `REGISTRY_AUTH_FILE`, else from `$XDG_RUNTIME_DIR/containers/auth.json` (where podman, buildah and skopeo log
 * in), else from docker's `config.json` (`DOCKER_CONFIG`, else `~/.docker`). In each: `credHelpers`, then `auths`, then `credsStore`. Only an entry for exactly this host counts, or for a path prefix of the
 * repository (containers-auth.json).
 *
 * @returns null when there is none
 * @throws InputError `file-missing`, `file-invalid`, `tool-missing` · TransportError `unauthorized` when a helper fails
 */
export async function findCredential(host: string, repository: string, ports: Ports): Promise<Credential | null> {
  if (ports.remote !== undefined) return credentialOf(await ports.remote.credential(host, repository))
  for (const { path, named } of places(ports)) {
    const document = await readConfig(path, named)
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
    if (typeof helper === 'string') return askHelper(helper, key, ports)
  }
  const auths = document['auths']
  for (const key of keys) {
    const entry = isObject(auths) ? auths[key] : undefined
    const found = isObject(entry) ? readEntry(entry, `${path}: auths[${JSON.stringify(key)}]`) : null
    if (found !== null) return found
  }
  const store = document['credsStore']
  if (typeof store !== 'string' || store === '') return null
  return askHelper(store, host === 'docker.io' ? 'https://index.docker.io/v1/' : host, ports)
}

/** Where logins lie, first the one to look at first (containers-auth.json(5), docker's own). A named file is the only one. */
function places({ env }: Ports): { path: string; named: boolean }[] {
  const named = env['REGISTRY_AUTH_FILE']
  if (named !== undefined) return [{ path: named, named: true }]
  const runtime = env['XDG_RUNTIME_DIR']
  const docker = env['DOCKER_CONFIG'] ?? (env['HOME'] === undefined ? undefined : join(env['HOME'], '.docker'))
  return [
    ...(runtime === undefined || runtime === '' ? [] : [join(runtime, 'containers/auth.json')]),
    ...(docker === undefined ? [] : [join(docker, 'config.json')]),
  ].map((path) => ({ path, named: false }))
}

async function readConfig(path: string, named: boolean): Promise<JsonObject | null> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (cause) {
    if (!named && (cause as NodeJS.ErrnoException).code === 'ENOENT') return null
    throw new InputError('file-missing', `the registry credentials in ${path} cannot be read`, {
      subject: path,
      cause,
      remedy: 'Check REGISTRY_AUTH_FILE, or log in to the registry again.',
    })
  }
  const document = parseJson(text, path, 'input')
  if (isObject(document)) return document
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

function readEntry(entry: JsonObject, subject: string): Credential | null {
  const identity = text(entry['identitytoken'])
  if (identity !== null) return { kind: 'identity', token: identity }
  const username = text(entry['username'])
  const password = text(entry['password'])
  if (username !== null && password !== null) return { kind: 'basic', username, password }
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
  return { kind: 'basic', username: decoded.slice(0, colon), password: decoded.slice(colon + 1) }
}

async function askHelper(helper: string, server: string, ports: Ports): Promise<Credential | null> {
  if (!/^[A-Za-z0-9._-]+$/.test(helper)) {
    throw new InputError('file-invalid', `${JSON.stringify(helper)} is not the name of a credential helper`, {
      subject: helper,
    })
  }
  const program = `docker-credential-${helper}`
  const result = await ports.exec.run(program, ['get'], { input: server, allowFailure: true, timeoutMs: 60_000 })
  const output = result.stdout.toString('utf8')
  if (result.code !== 0) {
    // The helpers' common library says this when the store simply has no entry.
    if (/credentials not found/i.test(output + result.stderr)) return null
    throw new TransportError('unauthorized', `${program} ended with ${result.code}`, {
      subject: server,
      remedy: `Check ${program}, or log in again.`,
    })
  }
  const found = parseJson(output, `the answer of ${program}`, 'input')
  const username = isObject(found) ? text(found['Username']) : null
  const secret = isObject(found) ? text(found['Secret']) : null
  if (secret === null) return null
  return username === null || username === '<token>'
    ? { kind: 'identity', token: secret }
    : { kind: 'basic', username, password: secret }
}

function text(value: JsonValue | undefined): string | null {
  return typeof value === 'string' && value !== '' ? value : null
}

/** What the step of a worker found. */
function credentialOf(value: JsonValue): Credential | null {
  if (!isObject(value)) return null
  const { kind, username, password, token } = value
  if (kind === 'identity' && typeof token === 'string') return { kind, token }
  if (kind === 'basic' && typeof username === 'string' && typeof password === 'string')
    return { kind, username, password }
  return null
}
