import { longestName, mostLibraries, type Executable, type Section } from './executable.ts'
import { malformed, View } from './view.ts'

/** ELF machine numbers (gABI, e_machine) in Go's words. */
const machines: Readonly<Record<number, string>> = {
  2: 'sparc',
  3: '386',
  8: 'mips',
  20: 'ppc',
  21: 'ppc64',
  22: 's390x',
  40: 'arm',
  62: 'amd64',
  183: 'arm64',
  243: 'riscv64',
  258: 'loong64',
}

const sectionType = { noBits: 8 } as const
const segmentType = { load: 1, dynamic: 2 } as const
const dynamicTag = { end: 0, needed: 1, strTab: 5, strSize: 10 } as const
const writable = 2

interface Segment {
  type: number
  flags: number
  offset: number
  address: number
  size: number
}

/**
 * Reads the tables of an ELF file of either class and byte order (System V gABI, chapters 4 and 5). Tables must lie inside the file; contents
 * of sections are checked when they are asked for.
 *
 * @throws VerificationError `format-invalid`
 */
export function readElf(bytes: Buffer): Executable {
  const [kind, order] = [bytes[4], bytes[5]]
  if (kind !== 1 && kind !== 2) throw malformed(`ELF: class 1 or 2 is expected, found ${kind ?? 'the end of the file'}`)
  if (order !== 1 && order !== 2)
    throw malformed(`ELF: byte order 1 or 2 is expected, found ${order ?? 'the end of the file'}`)
  const view = new View(bytes, order === 1, 'ELF')
  const wide = kind === 2
  const word = (at: number): number => (wide ? view.u64(at) : view.u32(at))
  const machine = view.u16(18)
  const sections = readSections(view, wide, word)
  const segments = readSegments(view, wide, word)
  const load = segments.filter(({ type }) => type === segmentType.load)
  const inFile = ({ offset, size }: { offset: number; size: number }): Buffer => view.slice(offset, size)
  const at = (address: number): Buffer | null => {
    const segment = load.find((each) => address >= each.address && address - each.address < each.size)
    if (segment === undefined) return null
    return inFile(segment).subarray(address - segment.address)
  }
  return {
    format: 'elf',
    arch: machines[machine] ?? `0x${machine.toString(16)}`,
    bits: wide ? 64 : 32,
    little: view.little,
    sections,
    section: (name) => {
      const found = sections.find((each) => each.name === name)
      return found === undefined ? null : inFile(found)
    },
    data: () => load.filter(({ flags, size }) => (flags & writable) !== 0 && size > 0).map(inFile),
    at,
    libraries: () => libraries(view, wide, segments, at),
  }
}

function readSections(view: View, wide: boolean, word: (at: number) => number): Section[] {
  const offset = word(wide ? 0x28 : 0x20)
  if (offset === 0) return []
  const entry = wide ? 64 : 40
  const size = view.u16(wide ? 0x3a : 0x2e)
  let count = view.u16(wide ? 0x3c : 0x30)
  let names = view.u16(wide ? 0x3e : 0x32)
  if (count === 0 && view.length <= offset) return []
  if (size !== entry) throw malformed(`ELF: section headers of ${entry} bytes are expected, found ${size}`)
  // Counts that do not fit into 16 bits stand in the first section header.
  if (count === 0) count = word(offset + (wide ? 0x20 : 0x14))
  if (names === 0xffff) names = view.u32(offset + (wide ? 0x28 : 0x18))
  if (count === 0) return []
  view.slice(offset, count * entry)
  const raw = Array.from({ length: count }, (_, i) => {
    const at = offset + i * entry
    return {
      name: view.u32(at),
      type: view.u32(at + 4),
      address: word(at + (wide ? 0x10 : 0x0c)),
      offset: word(at + (wide ? 0x18 : 0x10)),
      size: word(at + (wide ? 0x20 : 0x14)),
    }
  })
  const table = raw[names]
  const text = table === undefined || names === 0 ? null : view.slice(table.offset, table.size)
  return raw.map((each) => ({
    name: text === null ? '' : nameAt(text, each.name),
    address: each.address,
    offset: each.offset,
    size: each.type === sectionType.noBits ? 0 : each.size,
  }))
}

/** Names longer than any that we look for are cut, so that a table of long overlapping names stays cheap. */
function nameAt(table: Buffer, at: number): string {
  const part = table.subarray(at, at + 64)
  const end = part.indexOf(0)
  return part.toString('latin1', 0, end === -1 ? part.length : end)
}

function readSegments(view: View, wide: boolean, word: (at: number) => number): Segment[] {
  const offset = word(wide ? 0x20 : 0x1c)
  const count = view.u16(wide ? 0x38 : 0x2c)
  if (offset === 0 || count === 0) return []
  const entry = wide ? 56 : 32
  const size = view.u16(wide ? 0x36 : 0x2a)
  if (size !== entry) throw malformed(`ELF: program headers of ${entry} bytes are expected, found ${size}`)
  view.slice(offset, count * entry)
  return Array.from({ length: count }, (_, i) => {
    const at = offset + i * entry
    return {
      type: view.u32(at),
      flags: view.u32(at + (wide ? 4 : 0x18)),
      offset: word(at + (wide ? 8 : 4)),
      address: word(at + (wide ? 0x10 : 8)),
      size: word(at + (wide ? 0x20 : 0x10)),
    }
  })
}

function libraries(
  view: View,
  wide: boolean,
  segments: readonly Segment[],
  at: (address: number) => Buffer | null,
): string[] {
  const dynamic = segments.find(({ type }) => type === segmentType.dynamic)
  if (dynamic === undefined) return []
  const table = new View(view.slice(dynamic.offset, dynamic.size), view.little, 'ELF dynamic section')
  const step = wide ? 16 : 8
  const needed: number[] = []
  let strings = 0
  let stringsSize = 0
  for (let i = 0; i + step <= table.length; i += step) {
    const tag = wide ? table.u64(i) : table.u32(i)
    const value = wide ? table.u64(i + 8) : table.u32(i + 4)
    if (tag === dynamicTag.end) break
    if (tag === dynamicTag.needed) needed.push(value)
    else if (tag === dynamicTag.strTab) strings = value
    else if (tag === dynamicTag.strSize) stringsSize = value
  }
  if (needed.length === 0) return []
  if (needed.length > mostLibraries) throw malformed(`ELF: at most ${mostLibraries} libraries are read of one file`)
  const text = at(strings)
  if (text === null) throw malformed('ELF: the dynamic string table lies outside of every segment')
  const names = new View(text.subarray(0, stringsSize), view.little, 'ELF dynamic strings')
  return needed.map((offset) => names.text(offset, longestName))
}
