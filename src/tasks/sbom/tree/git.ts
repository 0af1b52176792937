import { createHash, type Hash } from 'node:crypto'
import { z } from 'zod'
import { VerificationError } from '../../../base/errors.ts'
import { parseJson } from '../../../base/json.ts'
import { noRules } from '../../../build/ignore.ts'
import { findUnclean } from '../../../build/source/clean.ts'
import { gitSource, type GitObjects, type GitSource } from '../../../build/source/git.ts'
import { objectId, treeId } from '../../../build/source/objects.ts'
import { nameBytes, nameOf } from '../../../tar/names.ts'
import { parentOf } from '../../../tar/paths.ts'
import type { InventoryEntry } from '../../../image/types.ts'
import type { Gap } from '../../../sbom/model.ts'
import type { Tap } from '../../../sbom/subjects/tree/pass.ts'
import type { Subject } from '../../../sbom/subjects/types.ts'

const aboutSchema = z.strictObject({
  commit: z.string().max(64),
  remote: z.string().max(4096).nullable(),
  version: z.string().max(128),
  /** Described folder, relative to the repository's top; '' for the top itself. */
  prefix: z.string().max(4096),
})

/** What git said, as documents of a packed tree. */
export function aboutGit({ commit, remote, version, body, listing }: GitObjects, prefix: string): Map<string, Buffer> {
  const facts: z.infer<typeof aboutSchema> = { commit, remote, version, prefix }
  return new Map([
    ['git.json', Buffer.from(JSON.stringify(facts))],
    ['commit', body],
    ['listing', listing],
  ])
}

/** Paths that a commit tracks below a folder of it, with the folders that they lie in. Submodules are folders of another repository. */
export function trackedPaths(git: GitObjects, prefix: string): { files: Set<string>; folders: Set<string> } {
  const files = new Set<string>()
  const folders = new Set<string>()
  for (const { path } of filesBelow(gitSource(git), prefix)) {
    files.add(path)
    for (let folder = parentOf(path); folder !== '.' && !folders.has(folder); folder = parentOf(folder))
      folders.add(folder)
  }
  return { files, folders }
}

function filesBelow(source: GitSource, prefix: string): { path: string; mode: string; id: string; raw: Buffer }[] {
  const start = Buffer.from(prefix === '' ? '' : `${prefix}/`)
  return [...source.files.values()]
    .filter(({ raw }) => raw.subarray(0, start.length).equals(start))
    .map(({ raw, mode, id }) => ({
      path: nameOf(raw.subarray(start.length)),
      mode,
      id,
      raw: raw.subarray(start.length),
    }))
}

/** The commit that a tree claims to be of, checked by its ids. Nothing of it is proven of the files yet. */
export interface SourceCommit {
  source: GitSource
  prefix: string
  /** Hashes the files as git does, while they flow by. */
  tap: Tap
  blobs: ReadonlyMap<string, string>
}

/** @returns null for a tree without git. @throws VerificationError `source-mismatch`, `format-invalid` */
export function sourceCommit(about: ReadonlyMap<string, Buffer>): SourceCommit | null {
  const [facts, body, listing] = [about.get('git.json'), about.get('commit'), about.get('listing')]
  if (facts === undefined || body === undefined || listing === undefined) return null
  const parsed = aboutSchema.safeParse(parseJson(facts.toString('utf8'), 'git.json'))
  if (!parsed.success) {
    throw new VerificationError('format-invalid', 'what the step says of git has another form', {
      subject: 'subject',
      remedy: 'Use steps and agent of one version.',
    })
  }
  const { prefix, ...rest } = parsed.data
  // Nothing of the step's paths: the tree has a root of its own here.
  const source = gitSource({ top: '/source', body, listing, ...rest })
  const blobs = new Map<string, string>()
  return { source, prefix, tap: blobTap(source.hash, blobs), blobs }
}

function blobTap(algorithm: 'sha1' | 'sha256', blobs: Map<string, string>): Tap {
  return {
    open: ({ path, size }) => {
      const hash: Hash = createHash(algorithm).update(`blob ${size}\0`)
      return {
        update: (chunk) => {
          hash.update(chunk)
        },
        end: () => {
          blobs.set(path, hash.digest('hex'))
        },
      }
    },
  }
}

/** What git makes of a tree that was read. */
export interface SourceFacts {
  subject: Subject
  /** Submodules, whose files are in another repository. */
  gaps: Gap[]
  /** Why the tree is not the commit, one line a path (the first ten). */
  unclean: string[]
  commit: string
  /** Committer time, seconds since 1970. */
  committed: number
}

/** Names a source by its commit where every file of it is the commit's; else the commit is only what it was changed from. */
export function sourceFacts(
  { source, prefix, blobs }: SourceCommit,
  inventory: readonly InventoryEntry[],
  plain: Subject,
): SourceFacts {
  const below = filesBelow(source, prefix)
  const modules = new Set(below.filter(({ mode }) => mode === '160000').map(({ path }) => path))
  const full = prefix === '' ? source.top : `${source.top}/${prefix}`
  const files = inventory.flatMap((entry) => contextFile(entry, source.hash, blobs))
  const unclean = findUnclean(source, full, files, { ...noRules, ignores: (path) => modules.has(path) })
  const gaps = [...modules].map((path): Gap => {
    const why = 'a submodule: its files are in another repository'
    return { path, kind: 'git', reason: 'unsupported', why }
  })
  const { commit, committed, repository, hash } = source
  const clean = unclean.length === 0
  const tree = prefix === '' ? source.tree : treeId(hash, new Map(below.map((file) => [file.path, file])))
  const subject: Subject = {
    ...plain,
    name: nameFrom(repository) ?? plain.name,
    version: clean ? commit : null,
    identifiers: [...plain.identifiers, ...(clean ? commitNames(commit, tree, hash) : changedFrom(commit))],
    download: clean && repository !== null ? downloadOf(repository, commit, prefix) : null,
  }
  return { subject, gaps, unclean, commit, committed }
}

function changedFrom(commit: string): [string, string][] {
  return [['git-changed-from', commit]]
}

function commitNames(commit: string, tree: string, hash: 'sha1' | 'sha256'): [string, string][] {
  const names: [string, string][] = [
    ['git-commit', commit],
    ['git-tree', tree],
  ]
  // SWHIDs of directories and revisions are git's SHA-1 ids (ISO/IEC 18670).
  return hash === 'sha1' ? [...names, ['swhid', `swh:1:dir:${tree}`], ['swhid', `swh:1:rev:${commit}`]] : names
}

/** SPDX 2.3 clause 7.7: `git+URL@COMMIT#PATH`. */
function downloadOf(repository: string, commit: string, prefix: string): string {
  const scheme = /^git:/.test(repository) ? repository : `git+${repository}`
  return `${scheme}@${commit}${prefix === '' ? '' : `#${encodeURI(prefix)}`}`
}

function nameFrom(repository: string | null): string | null {
  const last = repository
    ?.replace(/\/+$/, '')
    .replace(/\.git$/, '')
    .split('/')
    .pop()
  return last === undefined || last === '' ? null : last
}

function contextFile(
  { path, type, mode, size, sha256, link }: InventoryEntry,
  hash: GitSource['hash'],
  blobs: ReadonlyMap<string, string>,
): Parameters<typeof findUnclean>[2][number][] {
  if (type === 'symlink') {
    const target = nameBytes(link ?? '')
    return [{ path, mode: '120000', size: target.length, sha256: null, blob: objectId(hash, 'blob', target) }]
  }
  if (type !== 'file' || sha256 === undefined) return []
  const gitMode = (mode & 0o100) === 0 ? '100644' : '100755'
  return [{ path, mode: gitMode, size, sha256, blob: blobs.get(path) ?? null }]
}
