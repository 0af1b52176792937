import { lstat, readdir, readFile, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import { InputError, SealwrightError } from '../../base/errors.ts'
import type { Collateral } from '../verify/verifier.ts'
import { classify } from './classify.ts'
import { intelSets, type Placed } from './intel-sets.ts'

/** How large a folder of collateral may be. */
export const limits = { depth: 8, files: 4096, fileBytes: 4 << 20, bytes: 128 << 20, named: 10 } as const

/**
 * Reads collateral from a folder and those below it, or from one file. Kinds are told by content: dcap-qvl's one-file bundles, answers of
 * Intel's service with lists and signer beside them, AMD's keys (as Trustee's `kds-store/vcek/HWID/vcek.der`, or anywhere) and lists, in
 * DER or PEM, and certificates of TPM makers. Names that begin with a dot, and `*.md`, are passed over. Nothing is believed by this.
 *
 * @throws InputError `file-missing`; `file-invalid` naming each file that holds something else or cannot be read
 */
export async function readCollateralDirectory(path: string): Promise<Collateral> {
  return readCollateral([path])
}

/** As {@link readCollateralDirectory}, for several folders and files in one. */
export async function readCollateral(paths: readonly string[]): Promise<Collateral> {
  const { placed, wrong } = await readPieces(paths)
  let sets: Collateral['intel'] = []
  try {
    sets = intelSets(placed)
  } catch (error) {
    if (!(error instanceof SealwrightError)) throw error
    wrong.push(error.message)
  }
  if (wrong.length > 0) throw unusable(paths.join(', '), wrong)
  return {
    amdCertificates: placed.flatMap(({ piece }) => (piece.kind === 'amd-key' ? [piece.certificate.bytes] : [])),
    amdLists: placed.flatMap(({ piece }) => (piece.kind === 'amd-list' ? [piece.list.der] : [])),
    intel: [...placed.flatMap(({ piece }) => (piece.kind === 'intel-bundle' ? [piece.collateral] : [])), ...sets],
    tpmAuthorities: placed.flatMap(({ piece }) => (piece.kind === 'tpm-authority' ? [piece.der] : [])),
  }
}

/**
 * Each piece with its place, and a reason for each file that holds none.
 *
 * @throws InputError `file-missing`, or `file-invalid` for a folder that is too large
 */
export async function readPieces(paths: readonly string[]): Promise<{ placed: Placed[]; wrong: string[] }> {
  const placed: Placed[] = []
  const wrong: string[] = []
  for (const file of await collateralFiles(paths)) {
    try {
      for (const piece of classify(await bytesOf(file), file)) placed.push({ folder: dirname(file), file, piece })
    } catch (error) {
      wrong.push(reason(file, error))
    }
  }
  return { placed, wrong }
}

/**
 * Paths of the files that collateral is read from: those named, and those in named folders and below.
 *
 * @throws InputError `file-missing`, or `file-invalid` for a folder that is too large
 */
export async function collateralFiles(paths: readonly string[]): Promise<string[]> {
  const walk: Walk = { files: [], bytes: 0 }
  for (const path of paths) {
    const found = await stat(path).catch((cause: unknown) => {
      throw new InputError('file-missing', `there is no collateral at ${path}`, {
        subject: path,
        cause,
        remedy: 'Name a folder with collateral; "sealwright tee collateral fetch" makes one.',
      })
    })
    if (found.isDirectory()) await list(path, 0, walk)
    else add(path, found.size, walk)
  }
  return walk.files
}

interface Walk {
  files: string[]
  bytes: number
}

async function list(folder: string, depth: number, walk: Walk): Promise<void> {
  if (depth > limits.depth) throw tooMuch(folder, `goes deeper than ${limits.depth} folders`)
  const names = (await readdir(folder)).sort()
  for (const name of names) {
    if (name.startsWith('.') || name.toLowerCase().endsWith('.md')) continue
    const path = join(folder, name)
    // A link to a file is followed, since mounted secrets come so; one to a folder is not: it could lead back.
    const found = await lstat(path)
    if (found.isDirectory()) await list(path, depth + 1, walk)
    else add(path, (await stat(path).catch(() => null))?.size ?? 0, walk)
  }
}

function add(path: string, size: number, walk: Walk): void {
  walk.files.push(path)
  walk.bytes += size
  if (size > limits.fileBytes) throw tooMuch(path, `has more than ${limits.fileBytes} bytes`)
  if (walk.files.length > limits.files) throw tooMuch(path, `is one of more than ${limits.files} files`)
  if (walk.bytes > limits.bytes) throw tooMuch(path, `makes it more than ${limits.bytes} bytes`)
}

/** @throws InputError `file-invalid` */
export async function bytesOf(file: string): Promise<Buffer> {
  return readFile(file).catch((cause: unknown) => {
    const why = cause instanceof Object && 'code' in cause ? String(cause.code) : 'unknown'
    throw new InputError('file-invalid', `${file} cannot be read (${why})`, { subject: file, cause })
  })
}

function reason(file: string, error: unknown): string {
  // A defect of ours is not a reason against a file.
  if (!(error instanceof SealwrightError)) throw error
  return error.message.includes(file) ? error.message : `${file}: ${error.message}`
}

function tooMuch(path: string, why: string): InputError {
  return new InputError('file-invalid', `collateral: ${path} ${why}`, {
    subject: path,
    remedy: 'Name a folder that holds collateral only.',
  })
}

function unusable(paths: string, wrong: readonly string[]): InputError {
  const shown = wrong.slice(0, limits.named).map((why) => `\n- ${why}`)
  const more = wrong.length > limits.named ? `\n- and ${wrong.length - limits.named} more` : ''
  return new InputError('file-invalid', `collateral that cannot be used:${shown.join('')}${more}`, {
    subject: paths,
    remedy: 'Take these files out of the folder, or fetch them anew with "sealwright tee collateral fetch".',
  })
}
