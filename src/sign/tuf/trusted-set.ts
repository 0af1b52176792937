import { createHash } from 'node:crypto'
import { VerificationError, type ReasonCode } from '../../base/errors.ts'
import {
  readMeta,
  readMetadata,
  readRoot,
  readTarget,
  type FileFacts,
  type Metadata,
  type MetaFacts,
  type RoleKeys,
  type RootFacts,
  type TopRole,
} from './metadata.ts'

interface Snapshot extends Metadata {
  meta: ReadonlyMap<string, MetaFacts>
}
interface Timestamp extends Metadata {
  snapshot: MetaFacts
}

/**
 * The documents of a TUF repository that a client has verified so far: the order and the checks of TUF 1.0 §5.3 to §5.6, over bytes. Nothing that
 * fails changes what is trusted. Stricter than the clients we compared with (docs/dependencies.md): one key under two ids counts once, two different
 * documents of one version are refused, and members must be the same to every reader.
 */
export class TrustedSet {
  readonly #at: Date
  readonly #roots: Metadata[]
  #facts: RootFacts
  #timestamp: Timestamp | null = null
  #snapshot: Snapshot | null = null
  #targets: Metadata | null = null

  /**
   * @param root the pinned one; it may have expired, as long as it leads to one that has not
   * @param at the time of the whole update (§5.1)
   * @throws VerificationError `format-invalid`, `signature-invalid` for a root that its own keys have not signed
   */
  constructor(root: Uint8Array, at: Date) {
    const first = readMetadata('root', root)
    this.#at = at
    this.#facts = readRoot(first)
    requireThreshold(first, this.#facts.roles.root, 'its own keys')
    this.#roots = [first]
  }

  /** All roots from the pinned one on. */
  get roots(): readonly Metadata[] {
    return this.#roots
  }
  get timestamp(): Metadata | null {
    return this.#timestamp
  }
  get snapshot(): Metadata | null {
    return this.#snapshot
  }
  get targets(): Metadata | null {
    return this.#targets
  }
  get consistent(): boolean {
    return this.#facts.consistent
  }
  get rootVersion(): number {
    return this.#roots.at(-1)?.version ?? 0
  }

  /** The next root: signed by the keys of the one before and by its own (§5.3.4, §5.3.5). */
  addRoot(bytes: Uint8Array): void {
    const next = readMetadata('root', bytes)
    const wanted = this.rootVersion + 1
    if (next.version !== wanted)
      throw refuse('rolled-back', 'root.json', `has the version ${next.version} where ${wanted} has to follow`)
    requireThreshold(next, this.#facts.roles.root, `the keys of root version ${wanted - 1}`)
    const facts = readRoot(next)
    requireThreshold(next, facts.roles.root, 'its own keys')
    // Whoever had stolen the old keys may have raised the versions: with new keys they count anew (§5.3.11).
    if (isRotated(this.#facts, facts, 'timestamp') || isRotated(this.#facts, facts, 'snapshot'))
      this.#timestamp = this.#snapshot = null
    if (isRotated(this.#facts, facts, 'targets')) this.#targets = null
    this.#facts = facts
    this.#roots.push(next)
  }

  /** Ends the search for roots. @throws VerificationError `expired` */
  requireRoot(): void {
    const root = this.#roots.at(-1)
    if (root !== undefined) this.#requireFresh(root)
  }

  /** @param kept of an earlier run: then it may have expired, since it only says which versions are known already */
  setTimestamp(bytes: Uint8Array, kept = false): void {
    const next = this.#read('timestamp', bytes)
    const snapshot = readMeta(next).get('snapshot.json')
    if (snapshot === undefined) throw refuse('format-invalid', 'timestamp.json', 'does not name snapshot.json')
    const known = this.#timestamp
    if (known !== null) {
      requireNotOlder('timestamp.json', next.version, known.version)
      requireNotOlder('snapshot.json in timestamp.json', snapshot.version, known.snapshot.version)
      if (next.version === known.version && !next.covered.equals(known.covered))
        throw refuse('rolled-back', 'timestamp.json', `of version ${next.version} is not the one that was seen before`)
    }
    this.#timestamp = { ...next, snapshot }
    if (!kept) this.#requireFresh(next)
  }

  /** @param kept of an earlier run: then the timestamp may name a newer one */
  setSnapshot(bytes: Uint8Array, kept = false): void {
    if (!kept) requireFile(bytes, this.wantedSnapshot(), 'snapshot.json', 'timestamp.json')
    const next = this.#read('snapshot', bytes)
    if (!kept) requireVersion(next, this.wantedSnapshot().version, 'timestamp.json')
    const meta = readMeta(next)
    for (const [name, { version }] of this.#snapshot?.meta ?? []) {
      const now = meta.get(name)
      if (now === undefined) throw refuse('rolled-back', 'snapshot.json', `no longer names ${name.slice(0, 128)}`)
      requireNotOlder(`${name.slice(0, 128)} in snapshot.json`, now.version, version)
    }
    if (!meta.has('targets.json')) throw refuse('format-invalid', 'snapshot.json', 'does not name targets.json')
    this.#snapshot = { ...next, meta }
    if (!kept) this.#requireFresh(next)
  }

  setTargets(bytes: Uint8Array): void {
    const wanted = this.wantedTargets()
    requireFile(bytes, wanted, 'targets.json', 'snapshot.json')
    const next = this.#read('targets', bytes)
    requireVersion(next, wanted.version, 'snapshot.json')
    this.#requireFresh(next)
    this.#targets = next
  }

  /** What the timestamp says of the snapshot. */
  wantedSnapshot(): MetaFacts {
    if (this.#timestamp === null) throw new TypeError('the timestamp comes before the snapshot')
    return this.#timestamp.snapshot
  }

  /** What the snapshot says of the targets. */
  wantedTargets(): MetaFacts {
    const wanted = this.#snapshot?.meta.get('targets.json')
    if (wanted === undefined) throw new TypeError('the snapshot comes before the targets')
    return wanted
  }

  /** What the top role says of a file; null where it does not name it. Delegated roles are not followed. */
  wantedTarget(name: string): FileFacts | null {
    if (this.#targets === null) throw new TypeError('the targets come before a target')
    return readTarget(this.#targets, name)
  }

  #read(role: TopRole, bytes: Uint8Array): Metadata {
    const next = readMetadata(role, bytes)
    requireThreshold(next, this.#facts.roles[role], `the keys of root version ${this.rootVersion}`)
    return next
  }

  #requireFresh({ role, expires, version }: Metadata): void {
    if (this.#at < expires) return
    const remedy = 'The repository is no longer maintained, or an old copy of it is served: ask whoever runs it.'
    throw refuse('expired', `${role}.json`, `of version ${version} expired at ${expires.toISOString()}`, remedy)
  }
}

/**
 * Compares a file with what was signed of it.
 *
 * @throws VerificationError `digest-mismatch`
 */
export function requireFile(bytes: Uint8Array, { length, hashes }: FileFacts, what: string, by: string): void {
  if (length !== null && bytes.length !== length)
    throw refuse('digest-mismatch', what, `has ${bytes.length} bytes, but ${by} names one of ${length}`)
  for (const [hash, hex] of hashes) {
    const found = createHash(hash).update(bytes).digest('hex')
    if (found !== hex) throw refuse('digest-mismatch', what, `has the ${hash} ${found}, but ${by} names ${hex}`)
  }
}

function requireThreshold({ role, covered, signatures }: Metadata, { keys, threshold }: RoleKeys, whose: string): void {
  // Counted are keys, not their ids: one key may stand under two of them.
  const signers = new Set<string>()
  for (const [id, key] of keys) {
    const signature = signatures.get(id)
    if (signature !== undefined && key.verify(covered, signature)) signers.add(key.hint)
  }
  if (signers.size >= threshold) return
  throw refuse(
    'signature-invalid',
    `${role}.json`,
    `is signed by ${signers.size} of ${whose}; ${threshold} are required`,
  )
}

function requireVersion({ role, version }: Metadata, wanted: number, by: string): void {
  if (version === wanted) return
  throw refuse('digest-mismatch', `${role}.json`, `has the version ${version}, but ${by} names ${wanted}`)
}

function requireNotOlder(what: string, version: number, known: number): void {
  if (version >= known) return
  throw refuse('rolled-back', what, `has the version ${version}, but version ${known} was seen before`)
}

function isRotated(old: RootFacts, next: RootFacts, role: TopRole): boolean {
  const hints = ({ roles }: RootFacts): string =>
    [...roles[role].keys.values()]
      .map(({ hint }) => hint)
      .sort()
      .join()
  return hints(old) !== hints(next) || old.roles[role].threshold !== next.roles[role].threshold
}

function refuse(code: ReasonCode, what: string, why: string, remedy?: string): VerificationError {
  return new VerificationError(code, `TUF: ${what} ${why}`, { subject: what, remedy })
}
