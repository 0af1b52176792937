import { crc32, deflateRawSync } from 'node:zlib'

export interface ZipFile {
  name: string
  content: Buffer | string
  /** Compressed with deflate. */
  deflate?: boolean
  /** Size that the headers claim. */
  claims?: number
  encrypted?: boolean
  method?: number
}

export interface ZipOptions {
  comment?: string
  /** Bytes before the archive, of which its offsets know nothing. */
  before?: Buffer
  zip64?: boolean
}

/** A zip archive from nothing. */
export function makeZip(
  files: readonly ZipFile[],
  { comment = '', before = Buffer.alloc(0), zip64 = false }: ZipOptions = {},
): Buffer {
  const local: Buffer[] = []
  const central: Buffer[] = []
  let at = 0
  for (const { name, content, deflate = false, claims, encrypted = false, method } of files) {
    const bytes = Buffer.from(content)
    const packed = deflate ? deflateRawSync(bytes) : bytes
    const label = Buffer.from(name)
    const size = claims ?? bytes.length
    const head = Buffer.alloc(30)
    head.writeUInt32LE(0x04034b50, 0)
    head.writeUInt16LE(method ?? (deflate ? 8 : 0), 8)
    head.writeUInt32LE(packed.length, 18)
    head.writeUInt32LE(size, 22)
    head.writeUInt16LE(label.length, 26)
    const entry = Buffer.alloc(46)
    entry.writeUInt32LE(0x02014b50, 0)
    entry.writeUInt16LE(encrypted ? 1 : 0, 8)
    entry.writeUInt16LE(method ?? (deflate ? 8 : 0), 10)
    entry.writeUInt32LE(crc32(bytes), 16)
    entry.writeUInt32LE(zip64 ? 0xffffffff : packed.length, 20)
    entry.writeUInt32LE(zip64 ? 0xffffffff : size, 24)
    entry.writeUInt16LE(label.length, 28)
    entry.writeUInt16LE(zip64 ? 28 : 0, 30)
    entry.writeUInt32LE(zip64 ? 0xffffffff : at, 42)
    const extra = Buffer.alloc(zip64 ? 28 : 0)
    if (zip64) {
      extra.writeUInt16LE(1, 0)
      extra.writeUInt16LE(24, 2)
      extra.writeBigUInt64LE(BigInt(size), 4)
      extra.writeBigUInt64LE(BigInt(packed.length), 12)
      extra.writeBigUInt64LE(BigInt(at), 20)
    }
    local.push(head, label, packed)
    central.push(entry, label, extra)
    at += head.length + label.length + packed.length
  }
  const directory = Buffer.concat(central)
  const end = Buffer.alloc(22)
  end.writeUInt32LE(0x06054b50, 0)
  end.writeUInt16LE(zip64 ? 0xffff : files.length, 10)
  end.writeUInt32LE(zip64 ? 0xffffffff : directory.length, 12)
  end.writeUInt32LE(zip64 ? 0xffffffff : at, 16)
  end.writeUInt16LE(comment.length, 20)
  const wide = Buffer.alloc(zip64 ? 76 : 0)
  if (zip64) {
    wide.writeUInt32LE(0x06064b50, 0)
    wide.writeBigUInt64LE(BigInt(files.length), 32)
    wide.writeBigUInt64LE(BigInt(directory.length), 40)
    wide.writeBigUInt64LE(BigInt(at), 48)
    wide.writeUInt32LE(0x07064b50, 56)
    wide.writeBigUInt64LE(BigInt(at + directory.length), 64)
  }
  return Buffer.concat([before, ...local, directory, wide, end, Buffer.from(comment)])
}
