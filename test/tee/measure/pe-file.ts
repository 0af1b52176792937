/** Sections of an image that {@link makePe} builds. */
export interface FileSection {
  name: string
  content: Buffer
  virtualSize?: number
}

/** A PE32+ image: headers of 512 bytes, sections one behind the other, then `tail`. Nothing in it can run. */
export function makePe(
  sections: readonly FileSection[],
  tail = Buffer.alloc(0),
  certificates = Buffer.alloc(0),
): Buffer {
  const head = Buffer.alloc(512 * 2)
  head.write('MZ', 0, 'latin1')
  head.writeUInt32LE(64, 0x3c)
  head.write('PE\0\0', 64, 'latin1')
  head.writeUInt16LE(0x8664, 68)
  head.writeUInt16LE(sections.length, 70)
  head.writeUInt16LE(240, 84)
  const optional = 88
  head.writeUInt16LE(0x20b, optional)
  head.writeUInt32LE(head.length, optional + 60)
  head.writeUInt32LE(0x11223344, optional + 64)
  head.writeUInt32LE(16, optional + 108)
  let at = head.length
  sections.forEach(({ name, content, virtualSize }, i) => {
    const entry = optional + 240 + i * 40
    head.write(name, entry, 'latin1')
    head.writeUInt32LE(virtualSize ?? content.length, entry + 8)
    head.writeUInt32LE(content.length, entry + 16)
    head.writeUInt32LE(at, entry + 20)
    at += content.length
  })
  if (certificates.length > 0) {
    head.writeUInt32LE(at + tail.length, optional + 112 + 32)
    head.writeUInt32LE(certificates.length, optional + 112 + 36)
  }
  return Buffer.concat([head, ...sections.map(({ content }) => content), tail, certificates])
}

export const optionalHeader = 88
