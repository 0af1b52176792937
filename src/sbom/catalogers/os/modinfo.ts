/** A kernel module's own facts (`.modinfo`): name and value, in the order of the file. @throws Error where the bytes are no ELF object, or are damaged */
export function readModinfo(bytes: Buffer): [name: string, value: string][] {
  const section = findSection(bytes, '.modinfo')
  if (section === null) throw new Error('has no section .modinfo')
  return section
    .toString('utf8')
    .split('\0')
    .flatMap((entry): [string, string][] => {
      const equals = entry.indexOf('=')
      return equals < 1 ? [] : [[entry.slice(0, equals), entry.slice(equals + 1)]]
    })
}

/** A section of an ELF file of either width and byte order (ELF gABI, chapter 4). */
function findSection(bytes: Buffer, wanted: string): Buffer | null {
  if (bytes.length < 52 || bytes.readUInt32BE(0) !== 0x7f454c46) throw new Error('is not an ELF object')
  const [wide, big] = [bytes.readUInt8(4) === 2, bytes.readUInt8(5) === 2]
  const number = (at: number, width: 2 | 4 | 8): number => {
    if (at + width > bytes.length) throw new Error(`ends within the table of sections, at byte ${bytes.length}`)
    const half = (from: number, size: number): number =>
      big ? bytes.readUIntBE(from, size) : bytes.readUIntLE(from, size)
    if (width !== 8) return half(at, width)
    // What is larger lies outside of any file that is read.
    return half(at + (big ? 0 : 4), 4) * 2 ** 32 + half(at + (big ? 4 : 0), 4)
  }
  const [table, size, count] = wide
    ? [number(40, 8), number(58, 2), number(60, 2)]
    : [number(32, 4), number(46, 2), number(48, 2)]
  if (size < (wide ? 64 : 40)) throw new Error('has sections of another form')
  const contentOf = (index: number): Buffer => {
    const at = table + index * size
    const [start, length] = wide ? [number(at + 24, 8), number(at + 32, 8)] : [number(at + 16, 4), number(at + 20, 4)]
    if (start + length > bytes.length) throw new Error(`has a section that ends behind its ${bytes.length} bytes`)
    return bytes.subarray(start, start + length)
  }
  const names = contentOf(number(wide ? 62 : 50, 2))
  for (let i = 1; i < count; i++) {
    const at = number(table + i * size, 4)
    const end = at + wanted.length
    if (names.toString('latin1', at, end) === wanted && names[end] === 0) return contentOf(i)
  }
  return null
}
