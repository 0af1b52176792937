import { nameOf } from './names.ts'
import { normalisePath } from './paths.ts'
import { ambiguous, invalid, type Place } from './refusals.ts'
import { SparseBody, TarBody } from './body.ts'
import { BytePuller, type TarSource } from './bytes.ts'
import { makeHeader, type Extensions } from './entry.ts'
import { checkGuestEntry, checkGuestExtension, checkGuestHeader, checkGuestRecords } from './guest.ts'
import { parseHeader, type RawHeader } from './header.ts'
import { parsePax, type PaxRecords } from './pax.ts'
import { fits, readMap, type SparseForm } from './sparse.ts'
import type { TarEntry, TarHeader } from './types.ts'

export { TarBody } from './body.ts'

/** What an archive may ask us to hold or to do. */
export const tarLimits = {
  /** Bytes of one pax or GNU long-name extension (as in Go). */
  extension: 1 << 20,
  /** Bytes of zeros that sparse files stand for: 4 GiB. */
  holes: 2 ** 32,
  /** Entries of one archive. */
  entries: 5_000_000,
} as const

export interface TarOptions {
  /** Hears of a pax global header: engines that ignore it still make room for a file of its name. */
  global?: ((path: string, place: Place) => void) | undefined
  /**
   * False for an archive that is no layer: no confidential guest unpacks it, so it may hold what only these take otherwise than engines. True by
   * default.
   */
  guests?: boolean | undefined
  /** Most entries; by default those of {@link tarLimits}. */
  entries?: number | undefined
  /** Counts the bytes of zeros that sparse files stand for; archives that share it share its limit. Default: an own one. */
  holes?: HoleCount | undefined
}

/** Bytes of zeros that sparse files stand for: an archive of 1 KiB may hold one of 8 GiB. */
export interface HoleCount {
  used: number
  readonly most: number
}

export function holeCount(most: number = tarLimits.holes): HoleCount {
  return { used: 0, most }
}

/**
 * Reads a tar archive as it flows by: ustar, V7, pax, GNU long names and base-256 numbers, star, GNU's sparse forms in pax.
 * What it gives is what Go's archive/tar gives, which containerd, Docker, Podman and umoci unpack with; what they or other readers could
 * take otherwise is refused. Each entry's body must be read before the next entry is asked for; what is left of it is skipped. The source is
 * read to its very end, so that a digest over it is complete. Bytes behind the end mark are no part of the archive for engines; guests read on
 * in them, so a layer has only zeros there.
 *
 * @param subject what errors name: a layer's digest, a file
 * @throws VerificationError `archive-ambiguous`, `path-escape`, `format-invalid` (checksum, truncation, limits)
 */
export async function* readTar(
  source: TarSource,
  subject: string,
  { global, entries: most = tarLimits.entries, guests = true, holes = holeCount() }: TarOptions = {},
): AsyncGenerator<TarEntry & { body: TarBody }> {
  const puller = new BytePuller(source, subject)
  const extensions = new ExtensionReader(puller, guests)
  let entries = 0
  let done = false
  try {
    for (;;) {
      const place: Place = { subject, position: puller.position }
      const block = puller.ready(512) ?? (await puller.take(512))
      if (block === null || isZero(block)) {
        if (block !== null) await endMark(puller, place)
        // As Go and tar(1) do: an archive may end without its two zero blocks, but not inside an entry's extensions.
        if (!extensions.isEmpty) throw puller.truncated()
        break
      }
      const raw = parseHeader(block, place)
      if (guests) checkGuestHeader(block, raw, place)
      if (raw.flag === 'g') {
        await extensions.global(raw, place, global)
        continue
      }
      if (isExtension(raw)) {
        await extensions.take(raw, place)
        continue
      }
      if (++entries > most) throw invalid(place, `more than ${most} entries`)
      const made = makeHeader(raw, extensions.held, place)
      if (guests) checkGuestEntry(raw, extensions.held.pax, made, place)
      const { header, stored, sparse } = made
      extensions.reset()
      const body =
        sparse === null ? new TarBody(puller, stored) : await sparseBody(puller, { header, stored, sparse }, place)
      if (sparse !== null) holes.used += header.size - body.left
      if (holes.used > holes.most) throw invalid(place, tooManyHoles(holes, header.size - body.left))
      if (puller.available < body.left) puller.entry = { path: header.path, end: puller.position + body.left }
      yield { header, body }
      if (!puller.skipReady(body.left)) await puller.skip(body.left)
      body.left = 0
      const padding = (512 - (stored % 512)) % 512
      if (!puller.skipReady(padding)) await puller.skipPadding(padding)
    }
    if (guests) await onlyZeros(puller, subject)
    await puller.drain()
    done = true
  } finally {
    if (!done) await puller.close()
  }
}

function tooManyHoles({ used, most }: HoleCount, here: number): string {
  const before = used - here
  return `a sparse file with ${here} bytes of holes${before === 0 ? '' : `, after ${before} bytes of earlier ones`}: at most ${most} are read`
}

type ExtensionFlag = 'x' | 'L' | 'K'

function isExtension(raw: RawHeader): raw is RawHeader & { flag: ExtensionFlag } {
  return raw.flag === 'x' || raw.flag === 'L' || raw.flag === 'K'
}

const zeros = Buffer.alloc(1 << 16)

/** Guests skip zero blocks wherever they stand, and read what comes behind them. */
async function onlyZeros(puller: BytePuller, subject: string): Promise<void> {
  while (await puller.fill()) {
    const { position } = puller
    const chunk = puller.takeNow(Math.min(puller.available, zeros.length))
    if (chunk.equals(zeros.subarray(0, chunk.length))) continue
    const at = chunk.findIndex((byte) => byte !== 0)
    // What is no header has a name that says so as well.
    let name = Buffer.from(chunk.subarray(at, at + 100))
    while (name.length < 100 && (await puller.fill()))
      name = Buffer.concat([name, puller.takeNow(Math.min(puller.available, 100 - name.length))])
    const why = 'stands behind the end mark: engines end there, confidential guests read on'
    const remedy = 'Write one archive into a layer, and nothing behind it.'
    throw ambiguous({ subject, position: position + at }, nameOf(cString(name)), why, remedy)
  }
}

/** A zero block ends the archive where a second one or nothing follows. */
async function endMark(puller: BytePuller, place: Place): Promise<void> {
  const second = await puller.take(512)
  if (second !== null && !isZero(second)) throw invalid(place, 'an end mark of one block, with more behind it')
}

async function sparseBody(
  puller: BytePuller,
  { header, stored, sparse }: { header: TarHeader; stored: number; sparse: SparseForm },
  place: Place,
): Promise<SparseBody> {
  let taken = 0
  const next = async (): Promise<Buffer | null> => {
    taken += 512
    return taken > stored ? null : puller.take(512)
  }
  const map = sparse.map ?? (await readMap(next))?.map ?? null
  const left = stored - taken
  if (map === null || !fits(map, header.size, left))
    throw invalid(place, `a sparse file whose map does not fit its content: ${JSON.stringify(header.path)}`)
  return new SparseBody(puller, left, map, header.size)
}

/** Holds what extension headers say until their entry comes. */
class ExtensionReader {
  private readonly puller: BytePuller
  private readonly guests: boolean
  private seen: Record<string, Buffer> = {}
  held: Extensions = none

  constructor(puller: BytePuller, guests: boolean) {
    this.puller = puller
    this.guests = guests
  }

  get isEmpty(): boolean {
    return this.held === none
  }

  reset(): void {
    if (this.held === none) return
    this.held = none
    this.seen = {}
  }

  async take(raw: RawHeader & { flag: ExtensionFlag }, place: Place): Promise<void> {
    const { flag } = raw
    const bytes = await this.content(raw, place)
    const before = this.seen[flag]
    if (before !== undefined && !before.equals(bytes)) {
      const why = `is a second extension header of type ${flag} for one entry: Go takes the last, other readers join them`
      throw ambiguous(place, nameOf(raw.name), why, 'Write one extension header for an entry.')
    }
    this.seen[flag] = bytes
    if (this.guests) checkGuestExtension(raw, bytes, this.held, place)
    if (flag === 'x') this.held = { ...this.held, pax: this.records(raw, bytes, place) }
    else if (flag === 'L') this.held = { ...this.held, longName: cString(bytes) }
    else this.held = { ...this.held, longLink: cString(bytes) }
  }

  private records(raw: RawHeader, bytes: Buffer, place: Place): PaxRecords {
    const records = parsePax(bytes, place)
    if (this.guests) checkGuestRecords(bytes, records, place, nameOf(raw.name))
    return records
  }

  /** A global header applies to no entry in Go and so in engines, to all that follow in POSIX. */
  async global(raw: RawHeader, place: Place, hear: TarOptions['global']): Promise<void> {
    const records = parsePax(await this.content(raw, place), place)
    const name = records.get('path') || raw.name.toString('latin1')
    const shown = nameOf(Buffer.from(name, 'latin1'))
    if (!this.isEmpty) {
      const why = 'is a global header between an entry and its extensions: Go drops these, other readers apply them'
      throw ambiguous(place, shown, why, 'Write global headers first.')
    }
    for (const [key, value] of records) {
      if (
        value === '' ||
        !/^(?:path|linkpath|size|uid|gid|hdrcharset|(?:SCHILY|LIBARCHIVE)\.xattr\..*|GNU\.sparse\..*)$/s.test(key)
      )
        continue
      const why = `is a global header with ${key}: engines apply it to no entry, POSIX readers to all that follow`
      throw ambiguous(place, shown, why, 'Write the archive without this record in its global header.')
    }
    if (shown !== '') hear?.(normalisePath(shown, place.subject), place)
  }

  private async content(raw: RawHeader, place: Place): Promise<Buffer> {
    if (raw.size < 0 || raw.size > tarLimits.extension) throw invalid(place, `an extension header of ${raw.size} bytes`)
    const bytes = await this.puller.take(raw.size)
    if (bytes === null && raw.size > 0) throw this.puller.truncated()
    await this.puller.skipPadding((512 - (raw.size % 512)) % 512)
    return Buffer.from(bytes ?? [])
  }
}
const none: Extensions = { pax: null, longName: null, longLink: null }

function cString(bytes: Buffer): Buffer {
  const nul = bytes.indexOf(0)
  return nul === -1 ? bytes : bytes.subarray(0, nul)
}

function isZero(block: Buffer): boolean {
  if (block[0] !== 0) return false
  for (let i = 1; i < 512; i++) if (block[i] !== 0) return false
  return true
}
