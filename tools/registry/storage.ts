import type { Hash } from 'node:crypto'
import { mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** A manifest as it was put. */
export interface Kept {
  readonly digest: string
  readonly mediaType: string
  readonly bytes: Buffer
  /** The parsed JSON object. */
  readonly content: Readonly<Record<string, unknown>>
  /** When it was put, on the clock of `performance.now()`. */
  readonly at: number
}

/** An upload that was begun and not yet closed. */
export interface Upload {
  readonly id: string
  readonly repository: string
  readonly path: string
  /** What the last Location carries; it changes with each chunk. */
  state: string
  size: number
  /** SHA-256 of what came so far. */
  hash: Hash
  /** A chunk shorter than the minimum came: it must have been the last. */
  isShort: boolean
  /** Settles when no request writes to it. */
  idle: Promise<void>
}

export interface Repository {
  readonly blobs: Map<string, number>
  readonly manifests: Map<string, Kept>
  readonly tags: Map<string, { digest: string; at: number }>
  /** Digests of the manifests with this subject, in the order of arrival. */
  readonly referrers: Map<string, Set<string>>
}

/** Everything that a registry holds: blobs as files in a temporary folder, the rest in memory. */
export interface Storage {
  readonly repositories: Map<string, Repository>
  readonly uploads: Map<string, Upload>
  /** Where the bytes of a blob lie: one copy for all repositories. */
  blobPath(digest: string): string
  uploadPath(id: string): string
  /** The repository, made where it is new. */
  open(name: string): Repository
  remove(): void
}

export function openStorage(): Storage {
  const folder = mkdtempSync(join(tmpdir(), 'sealwright-registry-'))
  for (const name of ['blobs', 'uploads']) mkdirSync(join(folder, name))
  const repositories = new Map<string, Repository>()
  return {
    repositories,
    uploads: new Map(),
    blobPath: (digest) => join(folder, 'blobs', digest.replace(':', '-')),
    uploadPath: (id) => join(folder, 'uploads', id),
    open: (name) => {
      let repository = repositories.get(name)
      if (repository === undefined) {
        repository = { blobs: new Map(), manifests: new Map(), tags: new Map(), referrers: new Map() }
        repositories.set(name, repository)
      }
      return repository
    },
    remove: () => rmSync(folder, { recursive: true, force: true, maxRetries: 3 }),
  }
}
