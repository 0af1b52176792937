import { createHash } from 'node:crypto'
import type { InventoryEntry } from '../image/types.ts'
import type { DigestReader } from './digests.ts'
import type { Checksum, Coverage, Gap, IntegrityFinding, OwnedFile } from './model.ts'
import type { FileTree } from './tree.ts'

export interface CoverageInput {
  tree: FileTree
  /** Owner by real path. */
  owners: ReadonlyMap<string, OwnedFile>
  /** Folders whose whole content belongs to a package. */
  folders: ReadonlyMap<string, string>
  /** Files that packages were read from. */
  ownFiles: ReadonlySet<string>
  binaries: ReadonlySet<string>
  digests: Readonly<Record<'md5' | 'sha1', Pick<DigestReader, 'get' | 'has'>>>
}

/** What of the files no package vouches for, and which packaged files are not as their package says. */
export function measureCoverage({ tree, owners, folders, ownFiles, binaries, digests }: CoverageInput): Coverage {
  const coverage: Coverage = { unattributed: 0, executables: [], privileged: [], checked: 0, findings: [] }
  for (const entry of tree.all()) {
    if (entry.type !== 'file' && entry.type !== 'hardlink') continue
    const { path, mode } = entry
    if (isPrivileged(entry)) coverage.privileged.push(path)
    if (owners.has(path) || ownFiles.has(path) || isInside(path, folders)) continue
    coverage.unattributed++
    if ((mode & 0o111) !== 0 || binaries.has(path)) coverage.executables.push(path)
  }
  for (const [path, owned] of owners) {
    const { checksum, config, purl } = owned
    if (checksum === undefined || config === true) continue
    const entry = tree.get(path)
    const kind = entry === undefined ? missing(path, owned) : compareFile(entry, checksum, digests)
    if (kind === 'equal' || kind === 'modified') coverage.checked++
    if (kind === 'modified' || kind === 'missing') coverage.findings.push({ path, purl, kind })
  }
  coverage.findings.sort((a, b) => (a.path < b.path ? -1 : 1))
  return coverage
}

/** Files that are to be compared with the sum that their package has of them, with that sum: configuration files may be changed. */
export function* comparable({
  tree,
  owners,
}: Pick<CoverageInput, 'tree' | 'owners'>): Generator<[path: string, owned: OwnedFile & { checksum: Checksum }]> {
  for (const [path, owned] of owners) {
    const { checksum, config } = owned
    const type = tree.get(path)?.type
    if (checksum !== undefined && config !== true && (type === 'file' || type === 'hardlink'))
      yield [path, { ...owned, checksum }]
  }
}

/** Packaged files that were not compared with the sum of their package: what stands there may be anything. One gap for each kind of sum. */
export function uncompared({ digests, ...input }: Pick<CoverageInput, 'tree' | 'owners' | 'digests'>): Gap[] {
  const found = new Map<string, { path: string; kind: string; algorithm: string; count: number }>()
  for (const [path, { checksum, purl }] of comparable(input)) {
    const { algorithm } = checksum
    if (algorithm === 'SHA-256' || (algorithm === 'MD5' && digests.md5.has(path))) continue
    if (algorithm === 'SHA-1' && digests.sha1.has(path)) continue
    const kind = /^pkg:([^/]+)/.exec(purl)?.[1] ?? 'file'
    const known = found.get(`${kind} ${algorithm}`)
    if (known === undefined) found.set(`${kind} ${algorithm}`, { path, kind, algorithm, count: 1 })
    else known.count++
  }
  return [...found.values()].map(({ path, kind, algorithm, count }) => {
    const others = count === 1 ? '' : ` (and ${count - 1} more)`
    const why = `the file${others} was not compared with the ${algorithm} sum that its package has of it`
    return { path, kind, reason: 'unsupported', why }
  })
}

/** Runs with more rights than who starts it: setuid, setgid or file capabilities. */
function isPrivileged({ mode, xattrs }: InventoryEntry): boolean {
  return (mode & 0o6000) !== 0 || xattrs?.['security.capability'] !== undefined
}

type Compared = IntegrityFinding['kind'] | 'equal' | 'unknown'

/** Images leave documentation out on purpose (dpkg's path-exclude): its absence says nothing. */
function missing(path: string, { optional }: OwnedFile): Compared {
  if (optional === true) return 'unknown'
  return /^usr\/share\/(?:doc|man|info|locale|lintian|help|gnome\/help|omf)(?:\/|-)/.test(path) ? 'unknown' : 'missing'
}

function compareFile(
  entry: InventoryEntry,
  { algorithm, value }: Checksum,
  digests: CoverageInput['digests'],
): Compared {
  // apk's sum of a link is that of its target's name; other databases have none for links.
  if (entry.type === 'symlink' && algorithm === 'SHA-1') return equal(sha1(entry.link ?? ''), value)
  if (entry.type !== 'file' && entry.type !== 'hardlink') return 'modified'
  if (algorithm === 'SHA-256') return equal(entry.sha256?.slice('sha256:'.length), value)
  if (algorithm === 'MD5') return equal(digests.md5.get(entry.path), value)
  return algorithm === 'SHA-1' ? equal(digests.sha1.get(entry.path), value) : 'unknown'
}

function equal(found: string | undefined, expected: string): Compared {
  return found === undefined ? 'unknown' : found === expected ? 'equal' : 'modified'
}

function sha1(text: string): string {
  return createHash('sha1').update(text).digest('hex')
}

function isInside(path: string, folders: ReadonlyMap<string, string>): boolean {
  for (let slash = path.lastIndexOf('/'); slash !== -1; slash = path.lastIndexOf('/', slash - 1)) {
    if (folders.has(path.slice(0, slash))) return true
    if (slash === 0) break
  }
  return false
}
