import type { LayerRecord } from './layer-records.ts'
import { parentOf } from './paths.ts'
import { freeNow } from './read-file.ts'
import type { PassReader, TarHeader } from './types.ts'

/** Largest file that is kept, and bytes of all of them. */
const limits = { file: 128 * 1024, all: 32 * 1024 * 1024 }
const elf = 0x7f454c46

/**
 * Contents of small files that may be asked for under another name once all names are known: programs, and what a link before them leads to.
 * For a handful of such files a layer would else be decompressed a second time.
 */
export class SmallFiles {
  private readonly contents = new Map<LayerRecord, Buffer>()
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
  reader(record: LayerRecord): { reader: PassReader; bytes: number } {
    const { size } = record.entry
    this.bytes += size
    return { reader: { file: (_header, content) => void this.contents.set(record, copyOf(content)) }, bytes: size }
  }

  /** Gives the memory of all contents back. */
  free(): void {
    for (const content of this.contents.values()) freeNow(content)
    this.contents.clear()
  }

  get(record: LayerRecord): Buffer | undefined {
    return this.contents.get(record)
  }
}

/** In memory of its own, not in the pool that small buffers share. */
function copyOf(content: Buffer): Buffer {
  const copy = Buffer.allocUnsafeSlow(content.length)
  content.copy(copy)
  return copy
}
