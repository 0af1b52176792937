import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { InputError } from '../base/errors.ts'
import { whyUnread } from '../base/files.ts'
import { isObject, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { readToml } from '../encoding/toml.ts'
import { registriesVariable } from './registries-variable.ts'

/** A host and a path on it, without tag and digest. */
export interface Source {
  readonly host: string
  readonly repository: string
  readonly insecure: boolean
}

export interface Mirror extends Source {
  readonly digests: boolean
  readonly tags: boolean
}

/** Where a repository is read and written. */
export interface Place extends Source {
  readonly mirrors: readonly Mirror[]
  /** The file that reads the repository from another location, or null: such a one is not written. */
  readonly rewrittenBy: string | null
}

interface Rule {
  readonly file: string
  readonly prefix: string
  readonly location: string
  readonly insecure: boolean
  readonly blocked: boolean
  readonly byDigestOnly: boolean
  readonly mirrors: readonly { location: string; insecure: boolean; from: string }[]
}

/**
 * Where a repository lies by containers-registries.conf(5), version 2: the `[[registry]]` with the longest `prefix` counts. Only the file that
 * `SEALWRIGHT_REGISTRIES_CONF` names is read, and `FILE.d/*.conf` behind it, of which a later one replaces a rule for the same prefix.
 *
 * @throws InputError `input-invalid` for a blocked registry · `file-missing`, `file-invalid`
 */
export function placeOf(host: string, repository: string, ports: Pick<Ports, 'env'>): Place {
  const path = ports.env[registriesVariable]
  const own: Place = { host, repository, insecure: false, mirrors: [], rewrittenBy: null }
  if (path === undefined || path === '') return own
  const name = `${host}/${repository}`
  const rule = rulesOf(path)
    .filter(({ prefix }) => matches(prefix, host, name))
    .sort((a, b) => b.prefix.length - a.prefix.length)[0]
  if (rule === undefined) return own
  if (rule.blocked) {
    throw new InputError('input-invalid', `${name} is blocked by ${rule.file} (prefix "${rule.prefix}")`, {
      subject: name,
      remedy: `Name another registry, or change ${rule.file}.`,
    })
  }
  // A wildcard has no path that a location could stand for.
  const rest = rule.prefix.startsWith('*.') ? null : name.slice(rule.prefix.length)
  const at = (location: string): { host: string; repository: string } => {
    const [first = '', ...path] = (rest === null || location === '' ? name : `${location}${rest}`).split('/')
    return { host: first, repository: path.join('/') }
  }
  const moved = at(rule.location)
  return {
    ...moved,
    insecure: rule.insecure,
    rewrittenBy: moved.host === host && moved.repository === repository ? null : rule.file,
    mirrors: rule.mirrors.map(({ location, insecure, from }) => ({
      ...at(location),
      insecure,
      digests: from !== 'tag-only',
      tags: from !== 'digest-only' && !rule.byDigestOnly,
    })),
  }
}

/** `example.com` is a prefix of itself, and of all behind a `/`; `*.example.com` of every host below it. */
function matches(prefix: string, host: string, name: string): boolean {
  if (prefix.startsWith('*.')) return host.replace(/:[0-9]+$/, '').endsWith(prefix.slice(1))
  return name === prefix || name.startsWith(`${prefix}/`)
}

const read = new Map<string, Rule[]>()

/** The files are read once in a process. */
function rulesOf(path: string): Rule[] {
  const known = read.get(path)
  if (known !== undefined) return known
  const byPrefix = new Map<string, Rule>()
  for (const file of [path, ...dropIns(`${path}.d`)])
    for (const rule of readRules(file)) byPrefix.set(rule.prefix, rule)
  const rules = [...byPrefix.values()]
  read.set(path, rules)
  return rules
}

function dropIns(folder: string): string[] {
  try {
    const names = readdirSync(folder).filter((name) => name.endsWith('.conf'))
    return names.sort().map((name) => join(folder, name))
  } catch (cause) {
    if (Object(cause).code === 'ENOENT') return []
    throw unreadable(folder, cause)
  }
}

function readRules(file: string): Rule[] {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (cause) {
    throw unreadable(file, cause)
  }
  let document: JsonObject
  try {
    document = readToml(text)
  } catch (cause) {
    throw invalid(file, `it is not TOML: ${Object(cause).message}`, cause)
  }
  if (document['registries'] !== undefined) throw invalid(file, 'it has the form of version 1, [registries.…]')
  return tables(document['registry'], file, 'registry').map((entry) => readRule(entry, file))
}

function readRule(entry: JsonObject, file: string): Rule {
  const location = text(entry, 'location', file)
  const prefix = text(entry, 'prefix', file) || location
  if (prefix === '') throw invalid(file, 'a [[registry]] has neither prefix nor location')
  if (prefix.startsWith('*.') && location !== '')
    throw invalid(file, `the wildcard "${prefix}" cannot have a location of its own`)
  for (const name of [prefix.replace(/^\*\./, ''), location]) checkName(name, file)
  const mirrors = tables(entry['mirror'], file, 'registry.mirror').map((mirror) => {
    const where = text(mirror, 'location', file)
    const from = text(mirror, 'pull-from-mirror', file) || 'all'
    if (where === '') throw invalid(file, 'a [[registry.mirror]] has no location')
    if (!['all', 'digest-only', 'tag-only'].includes(from))
      throw invalid(file, `pull-from-mirror is "${from}", not all, digest-only or tag-only`)
    checkName(where, file)
    return { location: where, insecure: flag(mirror, 'insecure', file), from }
  })
  return {
    file,
    prefix,
    location,
    mirrors,
    insecure: flag(entry, 'insecure', file),
    blocked: flag(entry, 'blocked', file),
    byDigestOnly: flag(entry, 'mirror-by-digest-only', file),
  }
}

function checkName(name: string, file: string): void {
  if (name !== '' && !/^[A-Za-z0-9.[\]:_-]+(?:\/[a-z0-9._-]+)*$/.test(name))
    throw invalid(file, `"${name}" is not HOST[:PORT][/PATH]`)
}

function tables(value: JsonValue | undefined, file: string, name: string): JsonObject[] {
  if (value === undefined) return []
  if (Array.isArray(value) && value.every(isObject)) return value
  throw invalid(file, `${name} is not a list of tables: write [[${name}]]`)
}

function text(entry: JsonObject, name: string, file: string): string {
  const value = entry[name] ?? ''
  if (typeof value === 'string') return value
  throw invalid(file, `${name} is not a text`)
}

function flag(entry: JsonObject, name: string, file: string): boolean {
  const value = entry[name] ?? false
  if (typeof value === 'boolean') return value
  throw invalid(file, `${name} is neither true nor false`)
}

/** What names the file. */
const byName = `\`--registries-conf\` or ${registriesVariable}`

function invalid(file: string, why: string, cause?: unknown): InputError {
  return new InputError('file-invalid', `${file}: ${why}`, {
    subject: file,
    cause,
    remedy: `Mend it (containers-registries.conf(5), version 2), or leave ${byName} out.`,
  })
}

function unreadable(file: string, cause: unknown): InputError {
  return new InputError('file-missing', `"${file}" cannot be read${whyUnread(cause)}`, {
    subject: file,
    cause,
    remedy: `Name a readable registries.conf in ${byName}, or leave it out.`,
  })
}
