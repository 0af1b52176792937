/** A disk image with a GUID partition table (no checksums: readers of ours do not need them). */
export function gptImage(parts: readonly { type: string; content: Buffer; name?: string }[]): Buffer {
  const sector = 512
  const first = 2048
  const header = Buffer.alloc(sector)
  header.write('EFI PART', 0, 'latin1')
  header.writeBigUInt64LE(2n, 72)
  header.writeUInt32LE(128, 80)
  header.writeUInt32LE(128, 84)
  const table = Buffer.alloc(128 * 128)
  const bodies: Buffer[] = []
  let at = first
  for (const [index, { type, content, name }] of parts.entries()) {
    const sectors = Math.ceil(content.length / sector)
    const entry = table.subarray(index * 128, (index + 1) * 128)
    guidBytes(type).copy(entry, 0)
    entry.writeBigUInt64LE(BigInt(at), 32)
    entry.writeBigUInt64LE(BigInt(at + sectors - 1), 40)
    entry.write(name ?? '', 56, 'utf16le')
    bodies.push(content, Buffer.alloc(sectors * sector - content.length))
    at += sectors
  }
  const mbr = Buffer.alloc(sector)
  mbr.writeUInt16LE(0xaa55, 510)
  const head = Buffer.concat([mbr, header, table])
  return Buffer.concat([head, Buffer.alloc(first * sector - head.length), ...bodies, Buffer.alloc(sector)])
}

function guidBytes(text: string): Buffer {
  const [a = '', b = '', c = '', d = '', e = ''] = text.split('-')
  const swapped = (hex: string): Buffer => Buffer.from(hex, 'hex').reverse()
  return Buffer.concat([swapped(a), swapped(b), swapped(c), Buffer.from(d + e, 'hex')])
}
