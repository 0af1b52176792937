import type { InventoryEntry } from '../image/types.ts'
import type { Collector } from './collect.ts'
import type { Coverage, IntegrityFinding, OwnedFile } from './model.ts'
import type { FileTree } from './tree.ts'

export interface CoverageInput {
  tree: FileTree
  /** Owner by real path. */
  owners: ReadonlyMap<string, OwnedFile>
  /** Folders whose whole content belongs to a package. */
  folders: ReadonlyMap<string, string>
  /** Files that packages were read from. */
  ownFiles: ReadonlySet<string>
  collector: Pick<Collector, 'binaries' | 'digests'>
}

/** What of the files no package vouches for, and which packaged files are not as their package says. */
export function measureCoverage({ tree, owners, folders, ownFiles, collector }: CoverageInput): Coverage {
  const coverage: Coverage = { unattributed: 0, executables: [], privileged: [], checked: 0, findings: [] }
  for (const entry of tree.all()) {
    if (entry.type !== 'file' && entry.type !== 'hardlink') continue
    const { path, mode } = entry
    if ((mode & 0o6000) !== 0) coverage.privileged.push(path)
    if (owners.has(path) || ownFiles.has(path) || isInside(path, folders)) continue
    coverage.unattributed++
    if ((mode & 0o111) !== 0 || collector.binaries.has(path)) coverage.executables.push(path)
  }
  for (const [path, owned] of owners) {
    const { checksum, config, purl } = owned
    if (checksum === undefined || config === true) continue
    const entry = tree.get(path)
    const kind = entry === undefined ? missing(path) : compareFile(entry, owned, collector)
    if (kind === 'equal' || kind === 'modified') coverage.checked++
    if (kind === 'modified' || kind === 'missing') coverage.findings.push({ path, purl, kind })
  }
  coverage.findings.sort((a, b) => (a.path < b.path ? -1 : 1))
  return coverage
}

type Compared = IntegrityFinding['kind'] | 'equal' | 'unknown'

/** Images leave documentation out on purpose (dpkg's path-exclude): its absence says nothing. */
function missing(path: string): Compared {
  return /^usr\/share\/(?:doc|man|info|locale|lintian|help|gnome\/help|omf)(?:\/|-)/.test(path) ? 'unknown' : 'missing'
}

function compareFile(entry: InventoryEntry, { checksum }: OwnedFile, collector: CoverageInput['collector']): Compared {
  if (entry.type !== 'file' && entry.type !== 'hardlink') return 'modified'
  if (checksum === undefined) return 'unknown'
  if (checksum.algorithm === 'SHA-256') return entry.sha256 === `sha256:${checksum.value}` ? 'equal' : 'modified'
  const digest = collector.digests.get(entry.path)
  if (digest === undefined || digest.length !== checksum.value.length / 2) return 'unknown'
  return Buffer.from(digest, 'latin1').toString('hex') === checksum.value ? 'equal' : 'modified'
}

function isInside(path: string, folders: ReadonlyMap<string, string>): boolean {
  for (let slash = path.lastIndexOf('/'); slash !== -1; slash = path.lastIndexOf('/', slash - 1)) {
    if (folders.has(path.slice(0, slash))) return true
    if (slash === 0) break
  }
  return false
}
