/** Writes executables from nothing: as small as their formats allow. */

export interface Part {
  name: string
  bytes: Buffer
  /** In a writable data segment. */
  data?: boolean
}

export interface MakeOptions {
  bits?: 32 | 64
  little?: boolean
  machine?: number
  /** Libraries of the dynamic section (ELF only). */
  needed?: readonly string[]
  /** Without section names, as after `sstrip`. */
  nameless?: boolean
}

/** Address of the first byte of the file in memory. */
export const base = 0x40_0000

/** Writes numbers of one byte order and width at positions. */
class Writer {
  readonly bytes: Buffer
  private readonly little: boolean

  constructor(length: number, little: boolean) {
    this.bytes = Buffer.alloc(length)
    this.little = little
  }

  u(at: number, value: number, size: 2 | 4 | 8): this {
    if (size === 8) {
      if (this.little) this.bytes.writeBigUInt64LE(BigInt(value), at)
      else this.bytes.writeBigUInt64BE(BigInt(value), at)
    } else if (this.little) this.bytes.writeUIntLE(value, at, size)
    else this.bytes.writeUIntBE(value, at, size)
    return this
  }
}

/** An ELF file: header, program headers, contents, section headers. A data part gets a segment of its own at `base` plus its offset. */
export function makeElf(parts: readonly Part[], options: MakeOptions = {}): Buffer {
  const { bits = 64, little = true, machine = 62, needed = [], nameless = false } = options
  const wide = bits === 64
  const [headerSize, phSize, shSize, word] = wide ? [64, 56, 64, 8 as const] : [52, 32, 40, 4 as const]
  const all: (Part & { type?: number })[] = [...parts]
  const strings = Buffer.from(`\0${needed.map((name) => `${name}\0`).join('')}`, 'latin1')
  const dynamic = needed.length > 0
  if (dynamic) all.push({ name: '.dynstr', bytes: strings, data: true })
  if (dynamic) all.push({ name: '.dynamic', bytes: Buffer.alloc((needed.length + 3) * 2 * word), data: true })
  const names = Buffer.from(`\0${[...all.map(({ name }) => name), '.shstrtab'].map((name) => `${name}\0`).join('')}`)
  all.push({ name: '.shstrtab', bytes: names })
  const segments = all.filter(({ data }) => data === true).length + (dynamic ? 1 : 0)
  let at = align(headerSize + segments * phSize)
  const offsets = all.map(({ bytes }) => {
    const own = at
    at = align(at + bytes.length)
    return own
  })
  const table = at
  const count = all.length + 1
  const w = new Writer(table + (nameless ? 0 : count * shSize), little)
  w.bytes.set([0x7f, 0x45, 0x4c, 0x46, wide ? 2 : 1, little ? 1 : 2, 1])
  w.u(16, 2, 2).u(18, machine, 2).u(20, 1, 4)
  w.u(wide ? 0x20 : 0x1c, segments === 0 ? 0 : headerSize, word)
  w.u(wide ? 0x28 : 0x20, nameless ? 0 : table, word)
  w.u(wide ? 0x36 : 0x2a, phSize, 2).u(wide ? 0x38 : 0x2c, segments, 2)
  w.u(wide ? 0x3a : 0x2e, shSize, 2)
    .u(wide ? 0x3c : 0x30, nameless ? 0 : count, 2)
    .u(wide ? 0x3e : 0x32, nameless ? 0 : count - 1, 2)
  let ph = headerSize
  const segment = (type: number, offset: number, size: number): void => {
    w.u(ph, type, 4).u(ph + (wide ? 4 : 0x18), 6, 4)
    w.u(ph + (wide ? 8 : 4), offset, word).u(ph + (wide ? 0x10 : 8), base + offset, word)
    w.u(ph + (wide ? 0x20 : 0x10), size, word)
    ph += phSize
  }
  let nameAt = 1
  all.forEach(({ name, bytes, data }, i) => {
    const offset = offsets[i] ?? 0
    w.bytes.set(bytes, offset)
    if (data === true) segment(1, offset, bytes.length)
    if (name === '.dynamic') segment(2, offset, bytes.length)
    const sh = table + (i + 1) * shSize
    if (!nameless) {
      w.u(sh, nameAt, 4)
        .u(sh + 4, 1, 4)
        .u(sh + (wide ? 0x10 : 0x0c), base + offset, word)
      w.u(sh + (wide ? 0x18 : 0x10), offset, word).u(sh + (wide ? 0x20 : 0x14), bytes.length, word)
    }
    nameAt += name.length + 1
  })
  if (dynamic) {
    let entry = offsets[all.length - 2] ?? 0
    const put = (tag: number, value: number): void => {
      w.u(entry, tag, word).u(entry + word, value, word)
      entry += 2 * word
    }
    let name = 1
    for (const each of needed) {
      put(1, name)
      name += each.length + 1
    }
    put(5, base + (offsets[all.length - 3] ?? 0))
    put(10, strings.length)
    put(0, 0)
  }
  return w.bytes
}

/** A PE file whose sections lie in memory at 0x1000, 0x2000, … */
export function makePe(
  parts: readonly Part[],
  options: { wide?: boolean; directories?: Readonly<Record<number, { section: number; size: number }>> } = {},
): Buffer {
  const { wide = true, directories = {} } = options
  const optionalSize = (wide ? 112 : 96) + 16 * 8
  const sectionTable = 0x80 + 24 + optionalSize
  let at = align(sectionTable + parts.length * 40)
  const offsets = parts.map(({ bytes }) => {
    const own = at
    at = align(at + bytes.length)
    return own
  })
  const w = new Writer(at, true)
  w.bytes.write('MZ\x90\0', 0, 'latin1')
  w.u(0x3c, 0x80, 4)
  w.bytes.write('PE\0\0', 0x80, 'latin1')
  w.u(0x84, wide ? 0x8664 : 0x14c, 2)
    .u(0x86, parts.length, 2)
    .u(0x94, optionalSize, 2)
  const optional = 0x98
  w.u(optional, wide ? 0x20b : 0x10b, 2)
  if (wide) w.u(optional + 24, base, 8)
  else w.u(optional + 28, base, 4)
  const table = optional + (wide ? 112 : 96)
  w.u(table - 4, 16, 4)
  for (const [index, { section, size }] of Object.entries(directories))
    w.u(table + Number(index) * 8, (section + 1) * 0x1000, 4).u(table + Number(index) * 8 + 4, size, 4)
  parts.forEach(({ name, bytes, data }, i) => {
    const sh = sectionTable + i * 40
    w.bytes.write(name, sh, 'latin1')
    w.u(sh + 8, bytes.length, 4).u(sh + 12, (i + 1) * 0x1000, 4)
    w.u(sh + 16, bytes.length, 4).u(sh + 20, offsets[i] ?? 0, 4)
    w.u(sh + 36, data === true ? 0xc000_0040 : 0x4000_0040, 4)
    w.bytes.set(bytes, offsets[i] ?? 0)
  })
  return w.bytes
}

/** A thin Mach-O file with one writable segment of all parts. */
export function makeMachO(parts: readonly Part[], options: MakeOptions = {}): Buffer {
  const { bits = 64, little = true, machine = 0x100_000c, needed = [] } = options
  const wide = bits === 64
  const [headerSize, segmentSize, sectionSize, word] = wide ? [32, 72, 80, 8 as const] : [28, 56, 68, 4 as const]
  const segment = segmentSize + parts.length * sectionSize
  const dylib = (name: string): number => align(24 + name.length + 1)
  const commands = segment + needed.reduce((sum, name) => sum + dylib(name), 0)
  const start = align(headerSize + commands)
  let at = start
  const offsets = parts.map(({ bytes }) => {
    const own = at
    at = align(at + bytes.length)
    return own
  })
  const w = new Writer(at, little)
  w.u(0, wide ? 0xfeedfacf : 0xfeedface, 4)
    .u(4, machine, 4)
    .u(12, 2, 4)
  w.u(16, 1 + needed.length, 4).u(20, commands, 4)
  w.u(headerSize, wide ? 0x19 : 1, 4).u(headerSize + 4, segment, 4)
  w.bytes.write('__DATA', headerSize + 8, 'latin1')
  const fields = headerSize + 24
  w.u(fields, base + start, word).u(fields + word, at - start, word)
  w.u(fields + 2 * word, start, word).u(fields + 3 * word, at - start, word)
  w.u(fields + 4 * word, 3, 4)
    .u(fields + 4 * word + 4, 3, 4)
    .u(fields + 4 * word + 8, parts.length, 4)
  parts.forEach(({ name, bytes }, i) => {
    const sh = headerSize + segmentSize + i * sectionSize
    const offset = offsets[i] ?? 0
    w.bytes.write(name, sh, 'latin1')
    w.u(sh + 32, base + offset, word)
      .u(sh + 32 + word, bytes.length, word)
      .u(sh + 32 + 2 * word, offset, 4)
    w.bytes.set(bytes, offset)
  })
  let command = headerSize + segment
  for (const name of needed) {
    w.u(command, 0xc, 4)
      .u(command + 4, dylib(name), 4)
      .u(command + 8, 24, 4)
    w.bytes.write(name, command + 24, 'latin1')
    command += dylib(name)
  }
  return w.bytes
}

/** A fat Mach-O file of thin ones. */
export function makeFat(parts: readonly Buffer[]): Buffer {
  let at = align(8 + parts.length * 20)
  const offsets = parts.map((bytes) => {
    const own = at
    at = align(at + bytes.length)
    return own
  })
  const w = new Writer(at, false)
  w.u(0, 0xcafebabe, 4).u(4, parts.length, 4)
  parts.forEach((bytes, i) => {
    w.u(8 + i * 20, 0x100_0007 + i, 4)
      .u(16 + i * 20, offsets[i] ?? 0, 4)
      .u(20 + i * 20, bytes.length, 4)
    w.bytes.set(bytes, offsets[i] ?? 0)
  })
  return w.bytes
}

function align(at: number): number {
  return Math.ceil(at / 16) * 16
}
