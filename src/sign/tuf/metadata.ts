import { VerificationError } from '../../base/errors.ts'
import { isObject, type JsonObject, type JsonValue } from '../../base/json.ts'
import { canonicalJson, readSignedJson } from './canonical.ts'
import { readTufKey, type TufKey } from './keys.ts'

const topRoles = ['root', 'timestamp', 'snapshot', 'targets'] as const
export type TopRole = (typeof topRoles)[number]

/** Most bytes of each document; a longer one is not read to its end. */
export const metadataLimits: Readonly<Record<TopRole, number>> = {
  root: 512_000,
  timestamp: 16_384,
  snapshot: 2_000_000,
  targets: 5_000_000,
}
const mostItems = 4096
const mostKeys = 256

/** Length and hashes of a file, where they are stated. */
export interface FileFacts {
  length: number | null
  hashes: ReadonlyMap<'sha256' | 'sha512', string>
}

/** What the timestamp or the snapshot says of another document. */
export interface MetaFacts extends FileFacts {
  version: number
}

/** One document: its bytes, and what all roles have in common. */
export interface Metadata {
  role: TopRole
  bytes: Uint8Array
  version: number
  expires: Date
  /** What the signatures cover. */
  covered: Buffer
  signatures: ReadonlyMap<string, Buffer>
  signed: JsonObject
}

/** Keys that count for a role, and how many of them must have signed. */
export interface RoleKeys {
  keys: ReadonlyMap<string, TufKey>
  threshold: number
}

export interface RootFacts {
  consistent: boolean
  roles: Readonly<Record<TopRole, RoleKeys>>
}

/**
 * Reads one document of a TUF repository of specification 1 (§4.2 to §4.6), without believing any of it.
 *
 * @throws VerificationError `format-invalid`
 */
export function readMetadata(role: TopRole, bytes: Uint8Array): Metadata {
  const what = `${role}.json`
  if (bytes.length > metadataLimits[role]) throw refuse(what, `has more than ${metadataLimits[role]} bytes`)
  const document = readSignedJson(bytes, what)
  const signed = document['signed']
  if (!isObject(signed)) throw refuse(what, 'has no member "signed"')
  if (signed['_type'] !== role) throw refuse(what, `is not of the type "${role}"`)
  if (!/^1(?:\.\d{1,4}){1,2}$/.test(String(signed['spec_version'])))
    throw refuse(what, 'is not of version 1 of the TUF specification')
  return {
    role,
    bytes,
    version: whole(signed['version'], 1, `version of ${what}`),
    expires: expiry(signed['expires'], what),
    covered: canonicalJson(signed, what),
    signatures: readSignatures(document['signatures'], what),
    signed,
  }
}

function readSignatures(value: JsonValue | undefined, what: string): Map<string, Buffer> {
  if (!Array.isArray(value) || value.length > mostKeys)
    throw refuse(what, `has no list of at most ${mostKeys} signatures`)
  const found = new Map<string, Buffer>()
  for (const item of value) {
    const [id, hex] = isObject(item) ? [item['keyid'], item['sig']] : []
    // An empty signature stands for a signer that has not signed yet.
    if (typeof id !== 'string' || typeof hex !== 'string' || !/^(?:[0-9a-f]{2}){0,1024}$/.test(hex))
      throw refuse(what, 'has a signature that is not a key id with lower-case hex')
    if (found.has(id)) throw refuse(what, `has two signatures of the key id "${id.slice(0, 64)}"`)
    found.set(id, Buffer.from(hex, 'hex'))
  }
  return found
}

/** What a root says beyond its version. @throws VerificationError `format-invalid` */
export function readRoot({ signed }: Metadata): RootFacts {
  const what = 'root.json'
  const keys = new Map<string, TufKey>()
  const listed = members(signed['keys'], mostKeys, `keys of ${what}`)
  for (const [id, key] of listed) {
    const value = isObject(key) ? key['keyval'] : undefined
    const text = isObject(value) ? value['public'] : undefined
    if (!isObject(key) || typeof text !== 'string')
      throw refuse(what, `has the key "${id.slice(0, 64)}" without a value`)
    const known = readTufKey(key, text, `the key ${id.slice(0, 64)} of ${what}`)
    if (known !== null) keys.set(id, known)
  }
  const roles = new Map(members(signed['roles'], mostKeys, `roles of ${what}`))
  const of = (role: TopRole): RoleKeys => readRole(roles.get(role), keys, `role ${role} of ${what}`)
  if (typeof signed['consistent_snapshot'] !== 'boolean') throw refuse(what, 'does not say "consistent_snapshot"')
  return {
    consistent: signed['consistent_snapshot'],
    roles: { root: of('root'), timestamp: of('timestamp'), snapshot: of('snapshot'), targets: of('targets') },
  }
}

function readRole(role: JsonValue | undefined, keys: ReadonlyMap<string, TufKey>, what: string): RoleKeys {
  const ids = isObject(role) ? role['keyids'] : undefined
  if (!isObject(role) || !Array.isArray(ids) || !ids.every((id) => typeof id === 'string'))
    throw refuse(what, 'has no list of key ids')
  if (new Set(ids).size !== ids.length) throw refuse(what, 'names a key id twice')
  return {
    keys: new Map([...keys].filter(([id]) => ids.includes(id))),
    threshold: whole(role['threshold'], 1, `threshold of ${what}`),
  }
}

/** The documents that a timestamp or a snapshot names. @throws VerificationError `format-invalid` */
export function readMeta({ role, signed }: Metadata): Map<string, MetaFacts> {
  const what = `meta of ${role}.json`
  return new Map(
    members(signed['meta'], mostItems, what).map(([name, facts]) => {
      const item = `${name.slice(0, 128)} in ${what}`
      if (!isObject(facts)) throw refuse(item, 'is not an object')
      return [name, { version: whole(facts['version'], 1, `version of ${item}`), ...fileFacts(facts, item) }]
    }),
  )
}

/** What the targets role says of one file, or null where it does not name it. @throws VerificationError `format-invalid` */
export function readTarget({ signed }: Metadata, name: string): FileFacts | null {
  const found = members(signed['targets'], mostItems, 'targets of targets.json').find(([path]) => path === name)
  if (found === undefined) return null
  const [, facts] = found
  if (!isObject(facts)) throw refuse(name, 'is not an object in targets.json')
  const { length, hashes } = fileFacts(facts, `${name} in targets.json`)
  if (length === null || hashes.size === 0) throw refuse(`${name} in targets.json`, 'has no length or no hash')
  return { length, hashes }
}

function fileFacts(facts: JsonObject, what: string): FileFacts {
  const hashes = new Map<'sha256' | 'sha512', string>()
  const listed = facts['hashes'] === undefined ? [] : members(facts['hashes'], 16, `hashes of ${what}`)
  for (const [name, hex] of listed) {
    if (name !== 'sha256' && name !== 'sha512') continue
    if (typeof hex !== 'string' || hex.length !== Number(name.slice(3)) / 4 || !/^[0-9a-f]+$/.test(hex))
      throw refuse(what, `has a ${name} that is not lower-case hex`)
    hashes.set(name, hex)
  }
  // A hash that is stated and cannot be compared is not the same as none.
  if (listed.length > 0 && hashes.size === 0) throw refuse(what, 'has neither a sha256 nor a sha512')
  const length = facts['length'] === undefined ? null : whole(facts['length'], 0, `length of ${what}`)
  return { length, hashes }
}

function members(value: JsonValue | undefined, most: number, what: string): [string, JsonValue][] {
  if (!isObject(value)) throw refuse(what, 'is not an object')
  const found = Object.entries(value)
  if (found.length > most) throw refuse(what, `has more than ${most} members`)
  return found
}

function whole(value: JsonValue | undefined, least: number, what: string): number {
  if (typeof value === 'number' && Number.isSafeInteger(value) && value >= least) return value
  throw refuse(what, `is not a whole number from ${least}`)
}

function expiry(value: JsonValue | undefined, what: string): Date {
  const date = typeof value === 'string' && /^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ$/.test(value) ? new Date(value) : null
  if (date === null || Number.isNaN(date.getTime())) throw refuse(what, 'has no expiry as 2026-01-31T00:00:00Z')
  return date
}

function refuse(what: string, why: string, cause?: unknown): VerificationError {
  return new VerificationError('format-invalid', `${what} ${why}`, { subject: what, cause })
}
