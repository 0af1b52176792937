import { createHash, hash } from 'node:crypto'
import type { TakeDigests } from './extents.ts'
import { marks, type Row, type Rows } from './rows.ts'
import type { TarBody } from '../tar/body.ts'
import type { ExtraDigest, PassReader, TarHeader } from './types.ts'

/** Takes the bytes of visible files as they flow by (unpacking). */
export interface FileSink {
  /** Called before the content of a file that is visible as far as is known. */
  open(header: TarHeader): Promise<FileWriter>
  /** A file given earlier was replaced later in its layer. */
  drop(path: string): Promise<void>
}
export interface FileWriter {
  write(chunk: Uint8Array): Promise<void>
  close(): Promise<void>
}

/** What one reader wants of a file. */
export interface Wanted {
  reader: PassReader
  /** At most, from its beginning. */
  bytes: number
}

export function askAll(readers: readonly PassReader[], header: TarHeader, layer: number, magic: number): Wanted[] {
  const wanted: Wanted[] = []
  for (const reader of readers) {
    const bytes = reader.wants?.(header, layer, magic) ?? 0
    if (bytes > 0) wanted.push({ reader, bytes })
  }
  return wanted
}

export function giveAll(header: TarHeader, wanted: readonly Wanted[], kept: Buffer): void {
  for (const { reader, bytes } of wanted) reader.file?.(header, bytes < kept.length ? kept.subarray(0, bytes) : kept)
}

/** Which digests readers ask for beside SHA-256, and what takes them, at once or later. */
export function hashers(
  header: TarHeader,
  readers: readonly PassReader[],
  rows: Rows,
  row: Row,
): { extra: readonly ExtraDigest[]; take: TakeDigests } {
  const asked: { reader: PassReader; algorithm: ExtraDigest }[] = []
  for (const reader of readers) {
    const algorithm = reader.digest?.(header) ?? null
    if (algorithm !== null) asked.push({ reader, algorithm })
  }
  const take: TakeDigests = (sha256, extra) => {
    rows.setDigest(row, sha256)
    // A later entry of the layer may have replaced it meanwhile.
    if (!rows.is(row, marks.given)) return
    for (const { reader, algorithm } of asked) {
      const digest = extra.get(algorithm)
      if (digest !== undefined) reader.hashed?.(header, digest)
    }
  }
  return { extra: asked.length === 0 ? none : [...new Set(asked.map(({ algorithm }) => algorithm))], take }
}
const none: readonly ExtraDigest[] = []

/** Digests of a whole content, raw. */
interface Digests {
  sha256: Buffer
  extra: Map<ExtraDigest, Buffer>
}

/** Room for the beginning of one file at a time: new memory for each would be a gigabyte for an image. */
export class Scratch {
  private room: Buffer = Buffer.alloc(0)

  /** Room that is valid until the next is taken. */
  take(bytes: number): Buffer {
    if (bytes > this.room.length || this.room.length > largestRoom) {
      this.free()
      // More than is needed, for files that come later: what nobody touches is not in memory.
      this.room = Buffer.allocUnsafeSlow(
        bytes > largestRoom ? bytes : Math.min(largestRoom, Math.max(firstRoom, 2 * bytes)),
      )
    }
    return this.room.subarray(0, bytes)
  }

  /** Gives the memory back at once: a collection of garbage may come much later. */
  free(): void {
    freeNow(this.room)
    this.room = Buffer.alloc(0)
  }
}
/** Bytes of the first room; a room of more than the largest is not kept for the next file. */
const [firstRoom, largestRoom] = [8 << 20, 16 << 20]

/** Frees memory that `Buffer.allocUnsafeSlow` gave; nobody may use the buffer any more. */
export function freeNow({ buffer }: Buffer): void {
  if (buffer instanceof ArrayBuffer && buffer.byteLength > 0) buffer.transfer(0)
}

/** What was read of a file. */
export interface FileRead {
  /** As many bytes as were wanted, until the next entry is read. */
  kept: Buffer
  /** Null where somebody else hashes the content. */
  digests: Digests | null
}

/** {@link readFile} where nothing has to be waited for: all of the content is at hand. Null where it is not; nothing is read then. */
export function readFileNow(
  header: TarHeader,
  body: TarBody,
  wanted: readonly Wanted[],
  extra: readonly ExtraDigest[] | null,
): FileRead | null {
  const whole = body.now()
  if (whole === null) return null
  const keep = mostWanted(header, wanted)
  return {
    kept: keep < whole.length ? whole.subarray(0, keep) : whole,
    digests: extra === null ? null : digestsOf(extra, (algorithm) => hash(algorithm, whole, 'buffer')),
  }
}

function mostWanted(header: TarHeader, wanted: readonly Wanted[]): number {
  let keep = 0
  for (const { bytes } of wanted) keep = Math.max(keep, Math.min(bytes, header.size))
  return keep
}

/**
 * Reads the content of one file: what is wanted of it is kept until the next entry is read, all of it goes to the writer.
 *
 * @param extra algorithms beside SHA-256; null where somebody else hashes the content
 */
export async function readFile(
  header: TarHeader,
  body: TarBody,
  wanted: readonly Wanted[],
  {
    extra,
    scratch,
    writer,
  }: { extra: readonly ExtraDigest[] | null; scratch: Scratch; writer?: FileWriter | undefined },
): Promise<FileRead> {
  const keep = mostWanted(header, wanted)
  // What nobody needs is skipped by whoever reads the archive.
  const isEnough = (at: number): boolean => at === keep && extra === null && writer === undefined
  const running = extra === null ? [] : ['sha256' as const, ...extra].map((name) => ({ name, hash: createHash(name) }))
  const kept = scratch.take(keep)
  let at = 0
  if (!isEnough(at))
    for await (const chunk of body) {
      for (const one of running) one.hash.update(chunk)
      if (at < keep) at += (chunk as Buffer).copy(kept, at, 0, Math.min(chunk.length, keep - at))
      await writer?.write(chunk)
      if (isEnough(at)) break
    }
  await writer?.close()
  const ended = new Map(running.map((one) => [one.name, one.hash.digest()]))
  const none = Buffer.alloc(0)
  return { kept, digests: extra === null ? null : digestsOf(extra, (algorithm) => ended.get(algorithm) ?? none) }
}

function digestsOf(extra: readonly ExtraDigest[], of: (algorithm: 'sha256' | ExtraDigest) => Buffer): Digests {
  return { sha256: of('sha256'), extra: new Map(extra.map((algorithm) => [algorithm, of(algorithm)])) }
}
