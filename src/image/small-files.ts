import { parentOf } from '../tar/paths.ts'
import { freeNow } from './read-file.ts'
import { marks, type Row, type Rows } from './rows.ts'
import type { PassReader, TarHeader } from './types.ts'

/** Largest file that is kept, and bytes of all of them. */
const limits = { file: 128 * 1024, all: 32 * 1024 * 1024 }
const elf = 0x7f454c46

/**
 * Contents of small files that may be asked for under another name once all names are known: programs, and what a link before them leads to.
 * For a handful of such files a layer would else be decompressed a second time.
 */
export class SmallFiles {
  private readonly contents = new Map<Row, Buffer>()
  /** Those of the layer that is being read. */
  private latest: Row[] = []
  private readonly pointed = new Set<string>()
  private bytes = 0

  /** A symbolic link to another name in its own folder. */
  link({ path, link }: TarHeader): void {
    if (!link.includes('/')) this.pointed.add(parentOf(path) === '.' ? link : `${parentOf(path)}/${link}`)
  }

  wants({ path, mode, size }: TarHeader, magic: number): boolean {
    if (size === 0 || size > limits.file || this.bytes + size > limits.all) return false
    return this.pointed.has(path) || (magic === elf && (mode & 0o111) !== 0)
  }

  /** Takes the content of one file. */
  reader(row: Row, size: number): { reader: PassReader; bytes: number } {
    this.bytes += size
    this.latest.push(row)
    return { reader: { file: (_header, content) => void this.contents.set(row, copyOf(content)) }, bytes: size }
  }

  /** The view has taken the layer: what it gave back is no file of the image, and its number will be that of another. */
  endLayer(rows: Rows): void {
    for (const row of this.latest) if (!rows.is(row, marks.taken)) this.contents.delete(row)
    this.latest = []
  }

  /** Gives the memory of all contents back. */
  free(): void {
    for (const content of this.contents.values()) freeNow(content)
    this.contents.clear()
  }

  get(row: Row): Buffer | undefined {
    return this.contents.get(row)
  }
}

/** In memory of its own, not in the pool that small buffers share. */
function copyOf(content: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(content.length)
  content.copy(copy)
  return copy
}
