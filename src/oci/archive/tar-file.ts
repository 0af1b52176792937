import { closeSync, openSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { InputError, InternalError, VerificationError } from '../../base/errors.ts'
import { collect, type ByteSource } from '../../base/streams.ts'
import { normalisePath, parentOf } from '../../tar/paths.ts'
import { readTar } from '../../tar/read.ts'
import { inflated } from './inflated.ts'
import type { BlobReading } from '../types.ts'
import { invalid } from './refusals.ts'
import { bytesOf, tarSource } from './tar-source.ts'

/** What an archive of an image may hold: real ones have some hundred entries. */
const limits = { entries: 100_000, links: 16 } as const

interface Member {
  type: string
  offset: number
  size: number
  link: string
}

/** Members of a tar file by name, read from the file where they lie: nothing is unpacked, and the content of large members is passed over. */
export class ArchiveFile {
  readonly path: string
  /** What the whole file is wrapped in. */
  readonly compression: 'gzip' | 'zstd' | null
  private readonly fd: number
  private readonly members: ReadonlyMap<string, Member>
  private readers = 0
  private left = false
  private closed = false

  private constructor(
    path: string,
    fd: number,
    compression: 'gzip' | 'zstd' | null,
    members: ReadonlyMap<string, Member>,
  ) {
    this.path = path
    this.fd = fd
    this.compression = compression
    this.members = members
  }

  /**
   * Lists the members of an archive. The file stays open, so what is read is the file that was listed, whatever is put under its name later.
   *
   * @param temp folder for the plain form of a compressed archive
   * @throws InputError `file-missing`, `file-invalid` (not a file, another compression); VerificationError `format-invalid`, `archive-ambiguous`
   */
  static async open(path: string, temp: string): Promise<ArchiveFile> {
    const compression = await compressionOf(path)
    const fd = compression === null ? openSync(path, 'r') : await inflated(path, compression, temp)
    try {
      return new ArchiveFile(path, fd, compression, await listMembers(fd))
    } catch (error) {
      closeSync(fd)
      throw error
    }
  }

  /** Names of all members that are not folders. */
  get names(): string[] {
    return [...this.members.keys()]
  }

  /** Whether a member is a link; null where there is none. */
  isLink(name: string): boolean {
    return (this.members.get(name)?.type ?? 'file') !== 'file'
  }

  /** Size of a file of the archive, or null where there is none of this name. Links inside the archive are followed. */
  size(name: string): number | null {
    return this.find(name)?.size ?? null
  }

  /** Where the content of a file lies, in bytes from the start: equal for all names of one file. */
  offset(name: string): number | null {
    return this.find(name)?.offset ?? null
  }

  /** A small file as a whole; null where there is none. @throws VerificationError `format-invalid` above the limit */
  async read(name: string, limit: number): Promise<Buffer | null> {
    const found = this.find(name)
    return found === null ? null : collect(this.stream(name), limit, `${name} of the archive`)
  }

  /**
   * Content of a file. It has to be read or let go, since the archive stays open for it.
   *
   * @param length first bytes only
   * @throws VerificationError `format-invalid` where it is not there
   */
  stream(name: string, length?: number, how?: BlobReading): ByteSource {
    const found = this.find(name)
    if (found === null) throw invalid(`it has no "${name}"`)
    // The number of a closed descriptor may be that of another file by now.
    if (this.closed) throw new InternalError('the archive is closed', { subject: this.path })
    this.readers++
    return this.flow(found.offset, Math.min(found.size, length ?? found.size), how)
  }

  private async *flow(start: number, size: number, how?: BlobReading): AsyncGenerator<Uint8Array> {
    try {
      yield* bytesOf(this.fd, start, size, how)
    } finally {
      this.readers--
      this.closeUnread()
    }
  }

  /** Keeps the file open until the returned function is called. */
  hold(): () => void {
    this.readers++
    return () => {
      this.readers--
      this.closeUnread()
    }
  }

  /** Closes the file as soon as nobody reads it. */
  close(): void {
    this.left = true
    this.closeUnread()
  }

  private closeUnread(): void {
    if (!this.left || this.closed || this.readers > 0) return
    this.closed = true
    closeSync(this.fd)
  }

  private find(name: string): Member | null {
    let at = normalisePath(name, 'the archive')
    for (let links = 0; links < limits.links; links++) {
      const member = this.members.get(at)
      if (member === undefined) return null
      if (member.type === 'file') return member
      if (member.type !== 'symlink' && member.type !== 'hardlink') return null
      const below = member.type === 'symlink' ? `${parentOf(at)}/${member.link}` : member.link
      if (member.link.startsWith('/')) throw invalid(`"${at}" is a link out of it`)
      at = normalisePath(below, 'the archive')
    }
    throw invalid(`"${name}" is a link without an end`)
  }
}

async function listMembers(fd: number): Promise<ReadonlyMap<string, Member>> {
  const members = new Map<string, Member>()
  for await (const { header, body } of readTar(tarSource(fd), 'the archive', { guests: false })) {
    const { path: name, type, size, link } = header
    if (members.size >= limits.entries) throw invalid(`it has more than ${limits.entries} entries`)
    if (type === 'dir') continue
    if (members.has(name)) {
      throw new VerificationError('archive-ambiguous', `the archive holds "${name}" twice`, {
        subject: name,
        remedy: 'Save the image again.',
      })
    }
    if (body.left !== size) throw invalid(`"${name}" is a sparse file`)
    members.set(name, { type, offset: body.offset, size, link })
  }
  return members
}

/** First bytes of formats that archives are wrapped in. */
const wrappers = [
  ['gzip', '1f8b', null],
  ['zstd', '28b52ffd', null],
  ['xz', 'fd377a58', 'unxz'],
  ['bzip2', '425a68', 'bunzip2'],
] as const

async function compressionOf(path: string): Promise<'gzip' | 'zstd' | null> {
  const file = await open(path, 'r').catch((cause: unknown) => {
    throw new InputError('file-missing', `the archive "${path}" cannot be read`, {
      subject: path,
      cause,
      remedy: 'Name a readable tar file.',
    })
  })
  try {
    const { buffer, bytesRead } = await file.read(Buffer.alloc(4), 0, 4, 0).catch((cause: unknown) => {
      throw new InputError('file-invalid', `"${path}" is not a file`, {
        subject: path,
        cause,
        remedy: 'Name a tar file; an unpacked layout is oci:DIR.',
      })
    })
    const hex = buffer.subarray(0, bytesRead).toString('hex')
    const wrapped = wrappers.find(([, magic]) => hex.startsWith(magic))
    if (wrapped === undefined) return null
    const [kind, , tool] = wrapped
    if (tool === null) return kind
    throw new InputError(
      'file-invalid',
      `"${path}" is compressed with ${kind}, but a plain, gzip or zstd file is read`,
      {
        subject: path,
        remedy: `Unpack it first: ${tool} "${path}".`,
      },
    )
  } finally {
    await file.close()
  }
}
