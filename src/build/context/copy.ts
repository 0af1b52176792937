import { createHash, type Hash } from 'node:crypto'
import { constants } from 'node:fs'
import { lstat, mkdir, open, readlink, symlink, type FileHandle } from 'node:fs/promises'
import { join } from 'node:path'
import type { Log } from '../../base/ports.ts'
import { named } from '../../base/write-file.ts'
import { jcs } from '../../encoding/jcs.ts'
import type { Digest } from '../../oci/types.ts'
import { listContext, unfit, type ListOptions } from './list.ts'

/** Modes as git knows them; `040000` stands for a folder without files. */
export type GitMode = '100644' | '100755' | '120000' | '040000'

export interface ContextFile {
  path: string
  mode: GitMode
  /** Bytes of a file, or of a link's target. */
  size: number
  sha256: Digest | null
  /** Object id of the content as a git blob, where one was asked for. */
  blob: string | null
}

export interface ContextCopy {
  /** Sorted by path (UTF-8 bytes). */
  files: ContextFile[]
  /** SHA-256 over the canonical listing: one JCS line `{mode, path, sha256}` a file. */
  digest: Digest
  bytes: number
}

export interface CopyOptions extends ListOptions {
  to: string
  /** Hash of the repository's object ids, when contents are to be compared with a tree. */
  blobHash: 'sha1' | 'sha256' | null
  /** Files read at the same time. */
  concurrency: number
  log: Log
}

/**
 * Copies the context into an empty folder and hashes what was read: the digest covers the very bytes that the build then
 * works on. Symlinks are copied as links and never followed; `.git` never belongs to a context; modes become 0644, 0755.
 *
 * @throws InputError `file-invalid` for sockets, devices, names that are not UTF-8 and files that change while they are read
 */
export async function copyContext(options: CopyOptions): Promise<ContextCopy> {
  const files: ContextFile[] = []
  await mkdir(options.to, { recursive: true })
  const listing = await listContext(options)
  for (const { path, empty } of listing.folders) {
    await mkdir(join(options.to, path), { recursive: true })
    if (empty) files.push({ path, mode: '040000', size: 0, sha256: null, blob: null })
  }
  let next = 0
  const worker = async (): Promise<void> => {
    for (let path = listing.files[next++]; path !== undefined; path = listing.files[next++]) {
      files.push(await copyOne(options, path))
      if (files.length % 2000 === 0) options.log.progress(`context: ${files.length} of ${listing.files.length} files`)
    }
  }
  await Promise.all(Array.from({ length: options.concurrency }, worker))
  files.sort((a, b) => Buffer.compare(Buffer.from(a.path), Buffer.from(b.path)))
  const hash = createHash('sha256')
  for (const { path, mode, sha256 } of files) hash.update(jcs({ path, mode, sha256 })).update('\n')
  const bytes = files.reduce((sum, file) => sum + file.size, 0)
  return { files, digest: `sha256:${hash.digest('hex')}`, bytes }
}

async function copyOne(options: CopyOptions, path: string): Promise<ContextFile> {
  const from = join(options.from, path)
  const to = join(options.to, path)
  // A wanted file may lie below an ignored folder, which the walk makes only afterwards.
  await mkdir(join(to, '..'), { recursive: true })
  const stat = await lstat(from)
  if (stat.isSymbolicLink()) {
    const target = await readlink(from)
    await symlink(target, to)
    const bytes = Buffer.from(target)
    const hashes = startHashes(options.blobHash, bytes.length)
    hashes.forEach((hash) => hash.update(bytes))
    return { path, mode: '120000', size: bytes.length, ...digests(hashes) }
  }
  // O_NOFOLLOW: what was a file a moment ago may be a link now.
  const source = await open(from, constants.O_RDONLY | constants.O_NOFOLLOW)
  try {
    const { mode, size } = await source.stat()
    const hashes = startHashes(options.blobHash, size)
    const target = await open(to, 'wx', 0o600)
    try {
      const read = await pour(source, target, hashes).catch(named(to))
      if (read !== size) throw unfit(path, 'changed while it was read')
      const executable = (mode & 0o100) !== 0
      await target.chmod(executable ? 0o755 : 0o644)
      return { path, mode: executable ? '100755' : '100644', size, ...digests(hashes) }
    } finally {
      await target.close()
    }
  } finally {
    await source.close()
  }
}

async function pour(source: FileHandle, target: FileHandle, hashes: readonly Hash[]): Promise<number> {
  const buffer = Buffer.allocUnsafe(256 * 1024)
  let total = 0
  for (;;) {
    const { bytesRead } = await source.read(buffer, 0, buffer.length)
    if (bytesRead === 0) return total
    const chunk = buffer.subarray(0, bytesRead)
    hashes.forEach((hash) => hash.update(chunk))
    await target.writeFile(chunk)
    total += bytesRead
  }
}

/** SHA-256 of the content and, where wanted, git's hash over `blob <size>\0` and the content. */
function startHashes(blobHash: CopyOptions['blobHash'], size: number): Hash[] {
  const plain = createHash('sha256')
  return blobHash === null ? [plain] : [plain, createHash(blobHash).update(`blob ${size}\0`)]
}

function digests([plain, blob]: Hash[]): { sha256: Digest | null; blob: string | null } {
  return { sha256: plain === undefined ? null : `sha256:${plain.digest('hex')}`, blob: blob?.digest('hex') ?? null }
}
