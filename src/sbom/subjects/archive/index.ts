import { createReadStream } from 'node:fs'
import { open } from 'node:fs/promises'
import { InputError, VerificationError } from '../../../base/errors.ts'
import { collect, type ByteSource } from '../../../base/streams.ts'
import { normalisePath, parentOf } from '../../../tar/paths.ts'
import { readTar } from '../../../tar/read.ts'

/** What an archive of an image may hold: real ones have some hundred entries. */
const limits = { entries: 100_000, links: 16 } as const

interface Member {
  type: string
  offset: number
  size: number
  link: string
}

/** Members of a tar file by name, read from the file where they lie: nothing is unpacked. */
export class ArchiveFile {
  readonly path: string
  private readonly members: ReadonlyMap<string, Member>

  private constructor(path: string, members: ReadonlyMap<string, Member>) {
    this.path = path
    this.members = members
  }

  /**
   * Lists the members of an archive, which is read to its end once.
   *
   * @throws InputError `file-missing`, `file-invalid` (compressed as a whole); VerificationError `format-invalid`, `archive-ambiguous`
   */
  static async open(path: string): Promise<ArchiveFile> {
    await requireTar(path)
    const members = new Map<string, Member>()
    const stream: ByteSource = createReadStream(path, { highWaterMark: 1 << 20 })
    for await (const { header, body } of readTar(stream, 'the archive', { guests: false })) {
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
    return new ArchiveFile(path, members)
  }

  /** Names of all members that are not folders. */
  get names(): string[] {
    return [...this.members.keys()]
  }

  /** Size of a file of the archive, or null where there is none of this name. Links inside the archive are followed. */
  size(name: string): number | null {
    return this.find(name)?.size ?? null
  }

  /** A small file as a whole; null where there is none. @throws VerificationError `format-invalid` above the limit */
  async read(name: string, limit: number): Promise<Buffer | null> {
    const found = this.find(name)
    return found === null ? null : collect(this.stream(name), limit, `${name} of the archive`)
  }

  /** Content of a file. @param length first bytes only. @throws VerificationError `format-invalid` where it is not there */
  stream(name: string, length?: number): ByteSource {
    const found = this.find(name)
    if (found === null) throw invalid(`it has no "${name}"`)
    const size = Math.min(found.size, length ?? found.size)
    if (size === 0) return nothing()
    return createReadStream(this.path, { start: found.offset, end: found.offset + size - 1, highWaterMark: 1 << 20 })
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

async function* nothing(): AsyncGenerator<Uint8Array> {}

/** First bytes of formats that archives are wrapped in by hand. */
const wrappers: readonly [name: string, magic: string, tool: string][] = [
  ['gzip', '1f8b', 'gunzip'],
  ['zstd', '28b52ffd', 'unzstd'],
  ['xz', 'fd377a58', 'unxz'],
]

async function requireTar(path: string): Promise<void> {
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
    if (wrapped === undefined) return
    throw new InputError('file-invalid', `"${path}" is compressed with ${wrapped[0]}, but a plain tar file is read`, {
      subject: path,
      remedy: `Unpack it first: ${wrapped[2]} "${path}".`,
    })
  } finally {
    await file.close()
  }
}

/** Refusal of an archive that is not what its parts say. */
export function invalid(why: string): VerificationError {
  return new VerificationError('format-invalid', `the archive cannot be read: ${why}`, {
    subject: 'archive',
    remedy: 'Save the image again, with skopeo copy or docker save.',
  })
}
