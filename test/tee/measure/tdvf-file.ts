import { guidBytes } from '../../../src/tee/measure/guid.ts'

interface FileSection {
  type: number
  gpa: number
  size: number
  offset: number
  raw: number
  attributes: number
}
interface Changes {
  version?: number
  length?: number
  signature?: string
  offset?: number
  guid?: Buffer
}

/** A firmware file of 16 KiB with these sections in its TDX metadata; `begin` is what it begins with. */
export function makeTdvf(
  sections: readonly FileSection[],
  changes: Changes = {},
  begin: Uint8Array = new Uint8Array(),
): Buffer {
  const image = Buffer.alloc(Math.max(16384, begin.length + 8192))
  image.set(begin)
  const metadata = Buffer.alloc(16 + 16 + sections.length * 32)
  guidBytes('e9eaf9f3-168e-44d5-a8eb-7f4d8738f6ae').copy(metadata)
  metadata.write(changes.signature ?? 'TDVF', 16, 'latin1')
  metadata.writeUInt32LE(changes.length ?? metadata.length - 16, 20)
  metadata.writeUInt32LE(changes.version ?? 1, 24)
  metadata.writeUInt32LE(sections.length, 28)
  sections.forEach(({ type, gpa, size, offset, raw, attributes }, i) => {
    const at = 32 + i * 32
    metadata.writeUInt32LE(offset, at)
    metadata.writeUInt32LE(raw, at + 4)
    metadata.writeBigUInt64LE(BigInt(gpa), at + 8)
    metadata.writeBigUInt64LE(BigInt(size), at + 16)
    metadata.writeUInt32LE(type, at + 24)
    metadata.writeUInt32LE(attributes, at + 28)
  })
  const start = image.length - 2048
  metadata.copy(image, start)
  // Footer table: one entry, then the footer that tells the table's size; 32 bytes of reset vector follow.
  const entry = Buffer.alloc(4 + 18)
  entry.writeUInt32LE(changes.offset ?? image.length - start - 16)
  entry.writeUInt16LE(entry.length, 4)
  ;(changes.guid ?? guidBytes('e47a6535-984a-4798-865e-4685a7bf8ec2')).copy(entry, 6)
  const footer = Buffer.alloc(18)
  footer.writeUInt16LE(entry.length + 18)
  guidBytes('96b582de-1fb2-45f7-baea-a366c55a082d').copy(footer, 2)
  Buffer.concat([entry, footer]).copy(image, image.length - 32 - 18 - entry.length)
  return image
}
