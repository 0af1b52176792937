import { mkdir, readFile } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { replaceFile } from '../../base/files.ts'

/** One document in a folder of collateral. */
export interface Stored {
  bytes: Buffer
  /** When it ends: nextUpdate, or the end of a certificate. */
  ends: Date
}

export interface DocumentPlan {
  /** Below the folder. */
  path: string
  /** For messages: `revocation list of Milan`. */
  what: string
  /** Reads what lies there. @throws SealwrightError for a damaged document, which counts as none */
  read(bytes: Buffer): Date
  /** Gets it anew. Only what {@link read} takes is kept. */
  fetch(): Promise<Buffer>
}

/** What happened to one document. `stale`: it is past its end, and no newer one could be had. */
export interface Entry {
  path: string
  what: string
  state: 'fetched' | 'cached' | 'stale'
  ends: Date
}

/** What lies at a path, or null. */
export async function stored(directory: string, { path, read }: DocumentPlan): Promise<Stored | null> {
  const bytes = await readFile(join(directory, path)).catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw new InputError('file-invalid', `${path} in ${directory} cannot be read`, {
      subject: path,
      cause: error,
      remedy: 'Name a folder of your own that can be read and written, or none that is there yet.',
    })
  })
  if (bytes === null) return null
  try {
    return { bytes, ends: read(bytes) }
  } catch {
    return null
  }
}

/** Writes a file whole or not at all: who reads the folder meanwhile sees the old one or the new one. */
export async function store(directory: string, path: string, bytes: Buffer): Promise<void> {
  const full = join(directory, path)
  try {
    await mkdir(dirname(full), { recursive: true })
    await replaceFile(full, bytes, { mode: 0o666 })
  } catch (cause) {
    throw new InputError('file-invalid', `${full} cannot be written`, {
      subject: directory,
      cause,
      remedy: 'Name a folder that may be written to.',
    })
  }
}
