import { VerificationError } from '../base/errors.ts'
import type { ByteSource } from '../base/streams.ts'
import { normalisePath } from './paths.ts'
import { BytePuller } from './tar-bytes.ts'
import { parseHeader, type RawHeader } from './tar-header.ts'
import { parsePax, paxInteger, paxXattrs, type PaxRecords } from './tar-pax.ts'
import type { EntryType, TarEntry, TarHeader } from './types.ts'

/** What an archive may ask us to hold. */
export const tarLimits = {
  /** Bytes of one pax or GNU long-name extension. */
  extension: 1 << 20,
  /** Bytes of one file: 8 TiB. */
  file: 2 ** 43,
  /** Entries of one archive. */
  entries: 5_000_000,
} as const

const types: Readonly<Record<string, EntryType>> = {
  '0': 'file',
  '7': 'file',
  '1': 'hardlink',
  '2': 'symlink',
  '3': 'char',
  '4': 'block',
  '5': 'dir',
  '6': 'fifo',
}
const utf8 = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

/** Content of one entry. It can be read once; `now` gives it without waiting where all of it is at hand. */
export class TarBody implements AsyncIterable<Uint8Array> {
  private readonly puller: BytePuller
  /** Bytes not read yet. */
  left: number

  constructor(puller: BytePuller, size: number) {
    this.puller = puller
    this.left = size
  }

  /** The whole content, when it lies in the chunk at hand; a view that is valid until the next entry is read. */
  now(): Buffer | null {
    if (this.puller.available < this.left) return null
    const part = this.puller.takeNow(this.left)
    this.left = 0
    return part
  }

  /** The first four bytes of what is left, big-endian, without taking them; 0 where fewer are left. */
  async magic(): Promise<number> {
    if (this.left < 4) return 0
    return (await this.puller.peek(4)).readUInt32BE()
  }

  async *[Symbol.asyncIterator](): AsyncGenerator<Uint8Array> {
    while (this.left > 0) {
      if (this.puller.available === 0 && !(await this.puller.fill())) throw this.puller.truncated()
      const part = this.puller.takeNow(Math.min(this.left, this.puller.available))
      this.left -= part.length
      yield part
    }
  }
}

/**
 * Reads a tar archive as it flows by: ustar, V7, pax (global headers too), GNU long names and base-256 numbers, star.
 * Each entry's body must be read before the next entry is asked for; what is left of it is skipped. The source is read to its very end,
 * so that a digest over it is complete.
 *
 * @param subject what errors name: a layer's digest, a file
 * @throws VerificationError `path-escape`, `format-invalid` (checksum, truncation, sparse files, multi-volume archives, non-UTF-8 names, limits)
 */
export async function* readTar(source: ByteSource, subject: string): AsyncGenerator<TarEntry & { body: TarBody }> {
  const puller = new BytePuller(source, subject)
  let done = false
  try {
    const globals: PaxRecords = new Map()
    let pax: PaxRecords | null = null
    let longName: Buffer | null = null
    let longLink: Buffer | null = null
    let entries = 0
    for (;;) {
      const position = puller.position
      const block = await puller.take(512)
      if (block === null) {
        // As tar(1) and Go do: an archive may end without its two zero blocks, but not inside an entry's extensions.
        if (pax !== null || longName !== null || longLink !== null) throw puller.truncated()
        break
      }
      if (isZero(block)) {
        const second = await puller.take(512)
        if (second !== null && !isZero(second)) {
          throw new VerificationError('format-invalid', `${subject} goes on after an end mark at byte ${position}`, {
            subject,
          })
        }
        break
      }
      const raw = parseHeader(block, position, subject)
      if (raw.flag === 'x' || raw.flag === 'g' || raw.flag === 'L' || raw.flag === 'K') {
        const bytes = await extension(puller, raw, subject)
        if (raw.flag === 'x') pax = parsePax(bytes, subject)
        else if (raw.flag === 'g') for (const [key, value] of parsePax(bytes, subject)) globals.set(key, value)
        else if (raw.flag === 'L') longName = cString(bytes)
        else longLink = cString(bytes)
        continue
      }
      if (++entries > tarLimits.entries) throw limit(subject, `more than ${tarLimits.entries} entries`)
      const records = pax === null ? globals : globals.size === 0 ? pax : new Map([...globals, ...pax])
      const header = makeHeader(raw, records, longName, longLink, subject)
      pax = longName = longLink = null
      const body = new TarBody(puller, header.size)
      yield { header, body }
      await puller.skip(body.left)
      body.left = 0
      const padding = (512 - (header.size % 512)) % 512
      if (padding > 0) await puller.skip(padding)
    }
    await puller.drain()
    done = true
  } finally {
    if (!done) await puller.close()
  }
}

function makeHeader(
  raw: RawHeader,
  pax: PaxRecords,
  longName: Buffer | null,
  longLink: Buffer | null,
  subject: string,
): TarHeader {
  const type = types[raw.flag]
  if (raw.flag === 'S' || (pax.size > 0 && [...pax.keys()].some((key) => key.startsWith('GNU.sparse.')))) {
    throw new VerificationError('format-invalid', `${subject} holds a sparse file, which layers may not hold`, {
      subject,
      remedy: 'Write the archive without --sparse.',
    })
  }
  if (type === undefined) throw limit(subject, `an entry of unknown type ${JSON.stringify(raw.flag)}`)
  const record = (key: string): string | undefined => pax.get(key) || undefined
  const number = (key: string, otherwise: number, fraction = false): number => {
    const value = record(key)
    if (value === undefined) return otherwise
    const parsed = paxInteger(value, fraction)
    if (parsed === null) throw limit(subject, `a pax header whose ${key} is no number`)
    return parsed
  }
  const bytes = (key: string, long: Buffer | null, field: Buffer): string => {
    const value = record(key)
    return decode(value !== undefined ? Buffer.from(value, 'latin1') : (long ?? field), subject)
  }
  const name = bytes('path', longName, raw.name)
  // Before POSIX, a directory was a file whose name ends in a slash.
  const kind: EntryType = type === 'file' && name.endsWith('/') ? 'dir' : type
  const link = kind === 'symlink' || kind === 'hardlink' ? bytes('linkpath', longLink, raw.link) : ''
  if (link.includes('\0')) throw limit(subject, 'a link whose target has a NUL byte')
  if (kind === 'symlink' && link === '') throw limit(subject, `a symbolic link without a target: ${name}`)
  // As Go's reader (and so every container engine) has it: only files have content, whatever a header says.
  const size = kind === 'file' ? number('size', raw.size) : 0
  if (size < 0 || size > tarLimits.file) throw limit(subject, `a file of ${size} bytes: ${name}`)
  const uid = number('uid', raw.uid)
  const gid = number('gid', raw.gid)
  if (uid < 0 || gid < 0 || uid > 0xffffffff || gid > 0xffffffff) throw limit(subject, `an owner out of range: ${name}`)
  const owner = (key: string, field: Buffer): string =>
    Buffer.from(record(key) ?? field.toString('latin1'), 'latin1').toString()
  return {
    path: normalisePath(name, subject),
    type: kind,
    mode: raw.mode,
    uid,
    gid,
    uname: owner('uname', raw.uname),
    gname: owner('gname', raw.gname),
    size,
    mtime: number('mtime', raw.mtime, true),
    link: kind === 'hardlink' ? normalisePath(link, subject) : link,
    devMajor: raw.devMajor,
    devMinor: raw.devMinor,
    xattrs: pax.size === 0 ? {} : paxXattrs(pax, subject),
  }
}

async function extension(puller: BytePuller, raw: RawHeader, subject: string): Promise<Buffer> {
  if (raw.size < 0 || raw.size > tarLimits.extension) throw limit(subject, `an extension header of ${raw.size} bytes`)
  const bytes = await puller.take(raw.size)
  if (bytes === null && raw.size > 0) throw puller.truncated()
  await puller.skip((512 - (raw.size % 512)) % 512)
  return Buffer.from(bytes ?? [])
}

function cString(bytes: Buffer): Buffer {
  const nul = bytes.indexOf(0)
  return nul === -1 ? bytes : bytes.subarray(0, nul)
}

function decode(bytes: Buffer, subject: string): string {
  try {
    return utf8.decode(bytes)
  } catch (cause) {
    throw new VerificationError(
      'format-invalid',
      `${subject} holds a name that is not UTF-8: ${bytes.toString('latin1')}`,
      {
        subject,
        cause,
      },
    )
  }
}

function isZero(block: Buffer): boolean {
  if (block[0] !== 0) return false
  for (let i = 1; i < 512; i++) if (block[i] !== 0) return false
  return true
}

function limit(subject: string, what: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} holds ${what}`, { subject })
}
