import { realpath } from 'node:fs/promises'
import { isAbsolute, relative, resolve } from 'node:path'
import { InputError, TransportError, VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { objectId, treeId, type TreeFile } from './objects.ts'

/** A commit that was read and hashed by us: each object's id is what its bytes hash to. */
export interface GitSource {
  /** Absolute, without symlinks. */
  top: string
  repository: string | null
  commit: string
  tree: string
  /** Committer time, seconds since 1970. */
  committed: number
  hash: 'sha1' | 'sha256'
  /** Every file of the tree, by path from the top. */
  files: Map<string, TreeFile>
  version: string
}

/**
 * A repository's own configuration may name programs (fsmonitor, hooks, filters, ssh, gpg) and is as foreign as its files:
 * only plumbing is used, which runs none of them, and what could is switched off besides (TRUST §5.8).
 */
const settings = [
  ...[
    'core.fsmonitor=false',
    'core.hooksPath=/dev/null',
    'core.sshCommand=false',
    'core.pager=cat',
    'core.askPass=false',
  ],
  ...['credential.helper=', 'protocol.allow=never', 'gc.auto=0', 'log.showSignature=false', 'safe.directory=*'],
].flatMap((setting) => ['-c', setting])

function environment(ports: Ports): Record<string, string> {
  return {
    PATH: ports.env['PATH'] ?? '/usr/bin:/bin',
    LANG: 'C',
    LC_ALL: 'C',
    HOME: '/nonexistent',
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_ATTR_NOSYSTEM: '1',
    GIT_TERMINAL_PROMPT: '0',
    GIT_OPTIONAL_LOCKS: '0',
    // Replacement objects would show another content under the same id.
    GIT_NO_REPLACE_OBJECTS: '1',
    GIT_NO_LAZY_FETCH: '1',
  }
}

/** A commit as git gave it: nothing of it is checked. */
export interface GitObjects {
  /** Absolute, without symlinks. */
  top: string
  commit: string
  /** The commit object. */
  body: Buffer
  /** `git ls-tree -r -z` of the commit. */
  listing: Buffer
  /** URL of `origin`. */
  remote: string | null
  /** Of git. */
  version: string
}

/**
 * Reads HEAD's commit and whole tree around `folder`; null where git is missing, the folder is in no work tree, or there is no commit.
 *
 * @throws VerificationError `source-mismatch` when an object's bytes do not hash to its id
 */
export async function readGitSource(folder: string, ports: Ports): Promise<GitSource | null> {
  const objects = await readGitObjects(folder, ports)
  return objects === null ? null : gitSource(objects)
}

/** Checks that a commit and its tree are what the commit's id says. @throws VerificationError `source-mismatch` */
export function gitSource({ top, commit, body, listing, remote, version }: GitObjects): GitSource {
  if (!/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) throw forged(`commit ${commit}`)
  const hash = commit.length === 40 ? 'sha1' : 'sha256'
  if (objectId(hash, 'commit', body) !== commit) throw forged(`commit ${commit}`)
  const { tree, committed } = readCommit(body)
  const files = parseTree(listing)
  if (treeId(hash, files) !== tree) throw forged(`the tree of commit ${commit}`)
  const repository = remote === null ? null : publicUrl(remote)
  return { top, repository, commit, tree, committed, hash, files, version }
}

/** As {@link readGitSource}, without a look at what git gave. */
export async function readGitObjects(folder: string, ports: Ports): Promise<GitObjects | null> {
  if ((await ports.exec.find('git')) === null) return null
  const env = environment(ports)
  const git = async (args: readonly string[]): Promise<Buffer | null> => {
    const done = await ports.exec.run('git', ['-C', folder, ...settings, ...args], { env, allowFailure: true })
    return done.code === 0 ? done.stdout : null
  }
  const must = async (args: readonly string[]): Promise<Buffer> => {
    const bytes = await git(args)
    if (bytes !== null) return bytes
    throw new TransportError('tool-failed', `git ${args[0] ?? ''} failed`, { subject: 'git' })
  }

  const where = (await git(['rev-parse', '--show-toplevel']))?.toString('utf8').replace(/\n$/, '')
  if (where === undefined || where === '') return null
  const top = await realpath(where)
  // `core.worktree` may point anywhere: then this is not our folder's repository.
  if (!inside(top, await realpath(folder))) return null
  const commit = (await git(['rev-parse', '--verify', '--quiet', 'HEAD^{commit}']))?.toString('latin1').trim()
  if (commit === undefined || !/^([0-9a-f]{40}|[0-9a-f]{64})$/.test(commit)) return null
  const body = await must(['cat-file', 'commit', commit])
  const listing = await must(['ls-tree', '-r', '-z', '--full-tree', commit])
  const remote = await git(['config', '--local', '--no-includes', '--get', 'remote.origin.url'])
  const version = (await must(['--version']))
    .toString('utf8')
    .trim()
    .replace(/^git version /, '')
  return { top, commit, body, listing, remote: remote?.toString('utf8').trim() ?? null, version }
}

function inside(top: string, path: string): boolean {
  const rest = relative(top, path)
  return rest === '' || (!rest.startsWith('..') && !isAbsolute(rest))
}

function readCommit(body: Buffer): { tree: string; committed: number } {
  const head = body.subarray(0, body.indexOf('\n\n')).toString('latin1')
  const tree = /^tree ([0-9a-f]+)$/m.exec(head)?.[1]
  const committed = /^committer .*> (\d{1,12}) [+-]\d{4}$/m.exec(head)?.[1]
  if (tree === undefined || committed === undefined) {
    throw new VerificationError('source-mismatch', 'HEAD is not a commit that can be read', { subject: 'HEAD' })
  }
  return { tree, committed: Number(committed) }
}

function parseTree(listing: Buffer): Map<string, TreeFile> {
  const files = new Map<string, TreeFile>()
  // Names are bytes; latin1 keeps each of them until they are decoded.
  for (const line of listing.toString('latin1').split('\0')) {
    if (line === '') continue
    const match = /^(\d{6}) (?:blob|commit) ([0-9a-f]+)\t(.+)$/s.exec(line)
    if (match === null) throw new TransportError('tool-failed', 'git ls-tree gave an unknown line', { subject: 'git' })
    const raw = Buffer.from(match[3] ?? '', 'latin1')
    files.set(raw.toString('utf8'), { raw, mode: match[1] ?? '', id: match[2] ?? '' })
  }
  return files
}

/**
 * A remote's URL without credentials; null for what says something of this host (a path) or cannot be read.
 */
export function publicUrl(remote: string): string | null {
  // scp form: git@host:owner/name.
  const scp = /^(?:[\w.-]+@)?([\w-]+(?:\.[\w-]+)+):(?!\/\/)([\w./~+-]+)$/.exec(remote)
  if (scp !== null) return `ssh://${scp[1] ?? ''}/${(scp[2] ?? '').replace(/^\/+/, '')}`
  let url: URL
  try {
    url = new URL(remote)
  } catch {
    return null
  }
  if (!['https:', 'http:', 'ssh:', 'git:'].includes(url.protocol)) return null
  url.username = ''
  url.password = ''
  url.search = ''
  url.hash = ''
  return url.href
}

/** `SOURCE_DATE_EPOCH` for this build. @throws InputError `input-invalid` where `commit` names nothing */
export function resolveEpoch(wanted: 'commit' | number, source: GitSource | null, context: string): number {
  if (wanted !== 'commit') return wanted
  if (source !== null) return source.committed
  throw new InputError(
    'input-invalid',
    `${resolve(context)} is not in a git work tree with a commit, so the commit gives no time`,
    {
      subject: 'source-date-epoch',
      remedy:
        'Give `source-date-epoch` as seconds since 1970, for example 1700000000, or check out the repository with git.',
    },
  )
}

function forged(what: string): VerificationError {
  return new VerificationError('source-mismatch', `${what} has bytes that do not hash to its id`, {
    subject: what,
    remedy: 'The repository on this machine is damaged or was changed: clone it again.',
  })
}
