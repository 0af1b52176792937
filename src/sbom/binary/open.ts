import type { FileHead } from '../cataloger.ts'
import { isBinary, magics } from '../magic.ts'
import { readElf } from './elf.ts'
import { largestExecutable, type Executable } from './executable.ts'
import { readMachO } from './mach-o.ts'
import { readPe } from './pe.ts'
import { malformed, View } from './view.ts'

/** A Java class begins like a fat Mach-O; its version number, from 45, stands where a fat file has its count. */
const mostSlices = 44

/** Tests a file by its first bytes: for a cataloger's `match.any`. Java classes, which share the fat magic, are told apart by name. */
export function isExecutable({ magic, name }: Pick<FileHead, 'magic' | 'name'>): boolean {
  return isBinary(magic) || ((magic === magics.fat || magic === magics.fat64) && !name.endsWith('.class'))
}

/** Bytes wanted of an executable: all, or none where it is too large (the cataloger `executables` reports that). */
export function wholeExecutable({ size }: Pick<FileHead, 'size'>): number {
  return size <= largestExecutable ? largestExecutable : 0
}

/**
 * The programs in an executable file: one, or one per processor in a fat Mach-O. None where the file is of another kind (a DOS program, a
 * Java class).
 *
 * @throws VerificationError `format-invalid`
 */
export function openExecutables(bytes: Buffer): Executable[] {
  const known = opened.get(bytes)
  if (known !== undefined) return known
  const found = open(bytes)
  opened.set(bytes, found)
  return found
}
/** Several catalogers open one file, one after the other. A buffer whose bytes change is no longer the same buffer: nobody keeps one. */
const opened = new WeakMap<Buffer, Executable[]>()

function open(bytes: Buffer): Executable[] {
  if (bytes.length < 4) return []
  const magic = bytes.readUInt32BE()
  if (magic === magics.fat || magic === magics.fat64) return slices(bytes, magic === magics.fat64)
  const one = openOne(bytes)
  return one === null ? [] : [one]
}

/** {@link openExecutables} for catalogers that leave the report of a damaged file to the cataloger `executables`. */
export function tryExecutables(bytes: Buffer): Executable[] {
  try {
    return openExecutables(bytes)
  } catch {
    return []
  }
}

function openOne(bytes: Buffer): Executable | null {
  const magic = bytes.length < 4 ? 0 : bytes.readUInt32BE()
  if (magic === magics.elf) return readElf(bytes)
  if (magic >>> 16 === magics.pe) return readPe(bytes)
  return isBinary(magic) ? readMachO(bytes) : null
}

function slices(bytes: Buffer, wide: boolean): Executable[] {
  const view = new View(bytes, false, 'fat Mach-O')
  const count = view.u32(4)
  if (count > mostSlices) return []
  const entry = wide ? 32 : 20
  const parts = Array.from({ length: count }, (_, i) => {
    const at = 8 + i * entry
    return wide ? { at: view.u64(at + 8), size: view.u64(at + 16) } : { at: view.u32(at + 8), size: view.u32(at + 12) }
  }).sort((a, b) => a.at - b.at)
  let end = 8 + count * entry
  return parts
    .map(({ at, size }) => {
      if (at < end) throw malformed(`fat Mach-O: the part at byte ${at} overlaps with what stands before it`)
      end = at + size
      return openOne(view.slice(at, size))
    })
    .filter((one) => one !== null)
}
