import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { InputError } from '../../base/errors.ts'
import { readPlainFile, replaceFile } from '../../base/files.ts'
import { parseJson } from '../../base/json.ts'
import { sha256 } from '../../base/streams.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { readMetadata } from './metadata.ts'
import type { TrustedSet } from './trusted-set.ts'

/** Documents of an earlier run. They are verified again from the pinned root on, so whoever can write here can only make us forget. */
export interface KeptDocuments {
  /** The pinned one first. */
  roots: Buffer[]
  timestamp: Buffer | null
  snapshot: Buffer | null
  targets: Buffer | null
  target: Buffer | null
}

const format = 'sealwright-tuf-1'
const limit = 64 << 20
const bytes = z.base64().transform((text) => Buffer.from(text, 'base64'))
const keptSchema = z.strictObject({
  format: z.literal(format),
  roots: z.array(bytes).min(1).max(1024),
  timestamp: bytes.nullable(),
  snapshot: bytes.nullable(),
  targets: bytes.nullable(),
  target: bytes.nullable(),
})

/** One file that holds what is known of one repository under one pinned root: it changes as a whole or not at all. */
export class TufCache {
  readonly path: string
  readonly #folder: string

  /** @param folder made when the first document is kept */
  constructor(folder: string, url: string, root: string) {
    this.#folder = folder
    this.path = join(folder, `${sha256(`${url}\n${root}`).slice(7)}.json`)
  }

  /**
   * What an earlier run has kept, or null.
   *
   * @throws InputError `file-invalid` for a damaged file: without it older documents would be accepted again, which nobody should do silently
   */
  async read(): Promise<KeptDocuments | null> {
    const text = await readPlainFile(this.path, limit)
    if (text === null) return null
    const found = keptSchema.safeParse(parseJson(text.toString('utf8'), this.path, 'input'))
    if (found.success) return found.data
    throw new InputError('file-invalid', `"${this.path}" is not a cache of TUF documents`, {
      subject: this.path,
      cause: found.error,
      remedy: 'Delete the file; older versions of the repository are then not recognised as older.',
    })
  }

  /** Keeps what a run has verified, also of one that failed later on. What another process kept meanwhile is not set back. */
  async write(
    { roots, timestamp, snapshot, targets }: TrustedSet,
    oldTargets: Buffer | null,
    target: Buffer | null,
  ): Promise<void> {
    const meanwhile = await this.read()
    if (meanwhile !== null && isNewer(meanwhile, roots.length, timestamp?.version ?? 0)) return
    const text = (document: { bytes: Uint8Array } | null): string | null =>
      document === null ? null : toBase64(document.bytes)
    const kept = {
      format,
      roots: roots.map((root) => toBase64(root.bytes)),
      timestamp: text(timestamp),
      snapshot: text(snapshot),
      targets: text(targets ?? (oldTargets === null ? null : { bytes: oldTargets })),
      target: target === null ? null : toBase64(target),
    }
    try {
      await mkdir(this.#folder, { recursive: true, mode: 0o700 })
      await replaceFile(this.path, JSON.stringify(kept))
    } catch (cause) {
      throw new InputError('file-invalid', `the folder "${this.#folder}" cannot be written`, {
        subject: this.#folder,
        cause,
        remedy: 'Name another folder for the cache of TUF documents.',
      })
    }
  }
}

function isNewer({ roots, timestamp }: KeptDocuments, ownRoots: number, ownVersion: number): boolean {
  if (roots.length !== ownRoots) return roots.length > ownRoots
  return timestamp !== null && readMetadata('timestamp', timestamp).version > ownVersion
}
