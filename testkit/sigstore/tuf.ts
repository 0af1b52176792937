import { createHash, generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import type { HttpRequest } from '../../src/base/ports.ts'
import type { JsonObject } from '../../src/base/json.ts'
import { canonicalJson } from '../../src/sign/tuf/canonical.ts'

export type TufRole = 'root' | 'timestamp' | 'snapshot' | 'targets'
const roles = ['root', 'timestamp', 'snapshot', 'targets'] as const

/** A key as a root lists it. SYNTHETIC: made anew in each test. */
export interface TufTestKey {
  id: string
  entry: JsonObject
  privateKey: KeyObject
}

export function makeTufKey(): TufTestKey {
  const { publicKey, privateKey } = generateKeyPairSync('ed25519')
  const raw = publicKey.export({ format: 'der', type: 'spki' }).subarray(-32).toString('hex')
  const entry = { keytype: 'ed25519', scheme: 'ed25519', keyval: { public: raw } }
  return { id: createHash('sha256').update(canonicalJson(entry, 'key')).digest('hex'), entry, privateKey }
}

/** Signs a document of TUF. */
export function signTuf(signed: JsonObject, keys: readonly TufTestKey[]): Buffer {
  const covered = canonicalJson(signed, 'signed')
  const signatures = keys.map(({ id, privateKey }) => ({
    keyid: id,
    sig: sign(null, covered, privateKey).toString('hex'),
  }))
  return Buffer.from(JSON.stringify({ signatures, signed }))
}

export interface ReleaseOptions {
  /** Content of targets by name. */
  targets: Readonly<Record<string, Buffer>>
  expires?: Partial<Record<TufRole, string>>
  /** Versions in place of the next ones. */
  versions?: Partial<Record<TufRole, number>>
  /** Signers in place of the role's. */
  signers?: Partial<Record<TufRole, readonly TufTestKey[]>>
  /** Changes a document before it is signed. */
  change?: Partial<Record<TufRole, (signed: JsonObject) => JsonObject>>
}

export interface RootOptions {
  expires?: string
  version?: number
  /** Signers in place of the old and the new keys. */
  signers?: readonly TufTestKey[]
  change?: (signed: JsonObject) => JsonObject
}

const later = '2030-01-01T00:00:00Z'

/** Writes a TUF repository as tuf-on-ci lays it out: consistent snapshots, hashes and lengths everywhere. */
export class TufWriter {
  /** By path below the URL of the repository. */
  readonly files = new Map<string, Buffer>()
  keys: Record<TufRole, TufTestKey[]>
  thresholds: Record<TufRole, number> = { root: 2, timestamp: 1, snapshot: 1, targets: 2 }
  consistent = true
  #root = 0
  #version = 0
  #rootKeys: readonly TufTestKey[] = []

  constructor() {
    const two = (): TufTestKey[] => [makeTufKey(), makeTufKey()]
    this.keys = { root: two(), timestamp: [makeTufKey()], snapshot: [makeTufKey()], targets: two() }
  }

  /** Writes the next root with the keys as they are now, signed by the keys before and by these. */
  publishRoot({
    expires = later,
    version = this.#root + 1,
    signers,
    change = (signed) => signed,
  }: RootOptions = {}): Buffer {
    const keys = Object.fromEntries(roles.flatMap((role) => this.keys[role].map(({ id, entry }) => [id, entry])))
    const signed = change({
      _type: 'root',
      spec_version: '1.0.31',
      version,
      expires,
      consistent_snapshot: this.consistent,
      keys,
      roles: Object.fromEntries(
        roles.map((role) => [role, { keyids: this.keys[role].map(({ id }) => id), threshold: this.thresholds[role] }]),
      ),
    })
    const bytes = signTuf(signed, signers ?? [...new Set([...this.#rootKeys, ...this.keys.root])])
    this.#root++
    this.#rootKeys = [...this.keys.root]
    this.files.set(`${this.#root}.root.json`, bytes)
    return bytes
  }

  /** Writes targets, snapshot and timestamp of a new release. */
  publish({ targets, expires = {}, versions = {}, signers = {}, change = {} }: ReleaseOptions): void {
    this.#version++
    const write = (role: Exclude<TufRole, 'root'>, rest: JsonObject): { version: number; bytes: Buffer } => {
      const version = versions[role] ?? this.#version
      const signed: JsonObject = {
        _type: role,
        spec_version: '1.0.31',
        version,
        expires: expires[role] ?? later,
        ...rest,
      }
      const bytes = signTuf(change[role]?.(signed) ?? signed, signers[role] ?? this.keys[role])
      this.files.set(role === 'timestamp' || !this.consistent ? `${role}.json` : `${version}.${role}.json`, bytes)
      return { version, bytes }
    }
    for (const [name, content] of Object.entries(targets))
      this.files.set(`targets/${this.#served(name, content)}`, content)
    const facts = Object.fromEntries(Object.entries(targets).map(([name, content]) => [name, factsOf(content)]))
    const first = write('targets', { targets: facts })
    const second = write('snapshot', { meta: { 'targets.json': { version: first.version, ...factsOf(first.bytes) } } })
    write('timestamp', { meta: { 'snapshot.json': { version: second.version, ...factsOf(second.bytes) } } })
  }

  #served(name: string, content: Buffer): string {
    return this.consistent ? `${createHash('sha256').update(content).digest('hex')}.${name}` : name
  }
}

function factsOf(content: Buffer): { length: number; hashes: { sha256: string } } {
  return { length: content.length, hashes: { sha256: createHash('sha256').update(content).digest('hex') } }
}

/** Serves files under a URL, without a network. A function in place of bytes answers by itself. */
export function tufServer(
  url: string,
  files: ReadonlyMap<string, Buffer | (() => Response)>,
): { request: (url: string, options?: HttpRequest) => Promise<Response>; asked: string[] } {
  const asked: string[] = []
  return {
    asked,
    request: (target) => {
      const path = target.slice(url.length + 1)
      asked.push(path)
      const found = files.get(path)
      if (typeof found === 'function') return Promise.resolve(found())
      return Promise.resolve(
        found === undefined ? new Response('no such file', { status: 404 }) : new Response(new Uint8Array(found)),
      )
    },
  }
}
