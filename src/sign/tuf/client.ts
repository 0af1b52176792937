import { InputError, VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import type { Digest } from '../../oci/types.ts'
import { TufCache, type KeptDocuments } from './cache.ts'
import { metadataLimits, readMetadata, type FileFacts, type MetaFacts } from './metadata.ts'
import { TufRepository } from './repository.ts'
import { requireFile, TrustedSet } from './trusted-set.ts'

/** Where a file comes from that a TUF repository vouches for. */
export interface TufSource {
  url: string
  /** The pinned root, or its digest: then the repository has to serve it. */
  root: Uint8Array | Digest
  /** Name of the file in the targets role. */
  target: string
  /** Folder in which known versions are kept; null where nothing is remembered. */
  cache: string | null
  /** Take what the cache holds and contact nobody. */
  offline: boolean
}

/** New roots that one update follows, as python-tuf. */
const mostRoots = 256
/** Most bytes of the file itself. */
const targetLimit = 4 << 20

/**
 * Gets one file from a TUF repository: the client workflow of TUF 1.0 §5. All documents of the cache are verified again; of the network only what
 * is new is read. Files of delegated roles are not found.
 *
 * @throws InputError, TransportError; VerificationError `signature-invalid` (too few keys), `rolled-back`, `expired` (also a freeze),
 *   `digest-mismatch` (a document or file of another version, length or hash), `format-invalid` (also for more bytes than allowed)
 */
export async function readTufTarget(source: TufSource, ports: Ports): Promise<Buffer> {
  const { target: name, cache: folder, offline } = source
  requireTargetName(name)
  const repository = new TufRepository(source.url, ports)
  const pin = typeof source.root === 'string' ? source.root : sha256(source.root)
  const cache = folder === null ? null : new TufCache(folder, repository.url, pin)
  const kept = (await cache?.read()) ?? null
  if (offline && (cache === null || kept === null)) throw nothingKept(repository.url)
  const root =
    typeof source.root === 'string'
      ? await pinnedRoot(source.root, kept, offline ? null : repository, source.url)
      : source.root
  const set = new TrustedSet(root, ports.clock.now())
  if (cache !== null && kept !== null) recall(set, kept, cache.path)
  if (offline && kept !== null) return offlineTarget(set, kept, name, repository.url)
  let target = kept?.target ?? null
  try {
    return (target = await update(set, kept, name, repository))
  } finally {
    // What was verified counts as seen, whatever fails after it.
    await cache?.write(set, kept?.targets ?? null, target)
  }
}

/**
 * Verifies what an earlier run kept, so that nothing older is accepted.
 *
 * @throws InputError `file-invalid`: what was verified once verifies again, unless the file was changed
 */
function recall(set: TrustedSet, { roots, timestamp, snapshot }: KeptDocuments, path: string): void {
  try {
    for (const root of roots.slice(1)) set.addRoot(root)
    if (timestamp === null) return
    set.setTimestamp(timestamp, true)
    if (snapshot !== null) set.setSnapshot(snapshot, true)
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw new InputError('file-invalid', `the cache "${path}" does not verify: ${cause.message}`, {
      subject: path,
      cause,
      remedy: 'Find out who changed it, then delete it.',
    })
  }
}

async function update(
  set: TrustedSet,
  kept: KeptDocuments | null,
  name: string,
  repository: TufRepository,
): Promise<Buffer> {
  for (let count = 0; count < mostRoots; count++) {
    const next = await repository.find(`${set.rootVersion + 1}.root.json`, metadataLimits.root)
    if (next === null) break
    set.addRoot(next)
  }
  set.requireRoot()
  set.setTimestamp(await repository.read('timestamp.json', metadataLimits.timestamp))

  const snapshot = set.wantedSnapshot()
  set.setSnapshot(
    keptAs('snapshot', set.snapshot?.bytes ?? null, snapshot) ??
      (await document('snapshot', snapshot, set, repository)),
  )
  const targets = set.wantedTargets()
  set.setTargets(
    keptAs('targets', kept?.targets ?? null, targets) ?? (await document('targets', targets, set, repository)),
  )
  const wanted = wantedTarget(set, name)
  if (kept?.target && isFile(kept.target, wanted)) return kept.target
  const bytes = await repository.read(`targets/${servedName(name, wanted, set)}`, most(wanted, targetLimit))
  requireFile(bytes, wanted, name, 'targets.json')
  return bytes
}

function offlineTarget(set: TrustedSet, kept: KeptDocuments, name: string, url: string): Buffer {
  const { timestamp, snapshot, targets, target } = kept
  if (timestamp === null || snapshot === null || targets === null || target === null) throw nothingKept(url)
  set.requireRoot()
  set.setTimestamp(timestamp)
  set.setSnapshot(snapshot)
  set.setTargets(targets)
  requireFile(target, wantedTarget(set, name), name, 'targets.json')
  return target
}

function document(
  role: 'snapshot' | 'targets',
  facts: MetaFacts,
  set: TrustedSet,
  from: TufRepository,
): Promise<Buffer> {
  const name = set.consistent ? `${facts.version}.${role}.json` : `${role}.json`
  return from.read(name, most(facts, metadataLimits[role]))
}

/** A document of an earlier run, where it is the one that is named now. */
function keptAs(role: 'snapshot' | 'targets', bytes: Uint8Array | null, facts: MetaFacts): Uint8Array | null {
  if (bytes === null || !isFile(bytes, facts)) return null
  return readMetadata(role, bytes).version === facts.version ? bytes : null
}

function isFile(bytes: Uint8Array, facts: FileFacts): boolean {
  try {
    requireFile(bytes, facts, 'the kept file', 'the repository')
    return true
  } catch (error) {
    if (error instanceof VerificationError) return false
    throw error
  }
}

function most({ length }: FileFacts, limit: number): number {
  return Math.min(length ?? limit, limit)
}

/** With consistent snapshots a file bears its hash in front of its name, after the folder. */
function servedName(name: string, { hashes }: FileFacts, { consistent }: TrustedSet): string {
  const hash = hashes.get('sha256') ?? hashes.get('sha512') ?? ''
  return consistent ? name.replace(/[^/]+$/, `${hash}.$&`) : name
}

function wantedTarget(set: TrustedSet, name: string): FileFacts {
  const wanted = set.wantedTarget(name)
  if (wanted !== null) return wanted
  throw new InputError('not-found', `the TUF repository names no "${name}" in its targets role`, {
    subject: name,
    remedy: 'Check the name of the target; files of delegated roles are not searched.',
  })
}

/** The root with a pinned digest: the one that was found before, else the one among those that the repository serves. */
async function pinnedRoot(
  digest: Digest,
  kept: KeptDocuments | null,
  repository: TufRepository | null,
  url: string,
): Promise<Uint8Array> {
  const [known] = kept?.roots ?? []
  if (known !== undefined && sha256(known) === digest) return known
  if (repository === null) throw nothingKept(url)
  for (let version = 1; version <= mostRoots; version++) {
    const root = await repository.find(`${version}.root.json`, metadataLimits.root)
    if (root === null) break
    if (sha256(root) === digest) return root
  }
  throw new VerificationError('digest-mismatch', `TUF: ${url} serves no root.json with the digest ${digest}`, {
    subject: 'root.json',
    remedy: 'Check the digest, or give the file itself.',
  })
}

/** A name is part of a URL: no name climbs out of the folder of targets. */
function requireTargetName(name: string): void {
  if (/^(?!.*\.\.)[A-Za-z0-9_][\w.-]*(?:\/[A-Za-z0-9_][\w.-]*)*$/.test(name) && name.length <= 256) return
  throw new InputError('input-invalid', `"${name.slice(0, 256)}" is not the name of a TUF target`, {
    subject: 'target',
    remedy: 'Write it as the repository does, for example trusted_root.json.',
  })
}

function nothingKept(url: string): InputError {
  return new InputError('not-found', `nothing of the TUF repository ${url} is kept in the cache`, {
    subject: url,
    remedy: 'Run once with network access and the same cache folder and root.',
  })
}
