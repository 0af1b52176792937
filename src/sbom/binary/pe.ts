import { longestName, mostLibraries, type Executable, type Section } from './executable.ts'
import { malformed, View } from './view.ts'

/** COFF machine numbers in Go's words. */
const machines: Readonly<Record<number, string>> = {
  0x14c: '386',
  0x1c0: 'arm',
  0x1c4: 'arm',
  0x8664: 'amd64',
  0xaa64: 'arm64',
  0x5064: 'riscv64',
}

const writableData = 0xc000_0040

/** A PE file with its directories. */
export interface PeFile extends Executable {
  format: 'pe'
  /** Content of a data directory (1 imports, 2 resources, 14 CLR header) up to the end of its section; null where there is none. */
  directory(index: number): { bytes: Buffer; address: number } | null
  /** Content at an address relative to the image, up to the end of its section; null outside of all sections. */
  relative(address: number): Buffer | null
}

/**
 * Reads the headers of a PE file (Microsoft, "PE Format"). Null for a DOS program without a PE header.
 *
 * @throws VerificationError `format-invalid`
 */
export function readPe(bytes: Buffer): PeFile | null {
  const view = new View(bytes, true, 'PE')
  if (bytes.length < 0x40) return null
  const start = view.u32(0x3c)
  if (start + 4 > bytes.length || view.u32(start) !== 0x4550) return null
  const machine = view.u16(start + 4)
  const count = view.u16(start + 6)
  const optionalSize = view.u16(start + 20)
  const optional = start + 24
  const magic = optionalSize >= 2 ? view.u16(optional) : 0
  const wide = magic === 0x20b
  if (!wide && magic !== 0x10b)
    throw malformed(`PE: optional header 0x10b or 0x20b is expected, found 0x${magic.toString(16)}`)
  view.slice(optional, optionalSize)
  const base = wide ? view.u64(optional + 24) : view.u32(optional + 28)
  const sections: (Section & { flags: number })[] = []
  view.slice(optional + optionalSize, count * 40)
  for (let i = 0; i < count; i++) {
    const at = optional + optionalSize + i * 40
    sections.push({
      name: view.slice(at, 8).toString('latin1').replace(/\0.*$/s, ''),
      address: view.u32(at + 12),
      size: view.u32(at + 16),
      offset: view.u32(at + 20),
      flags: view.u32(at + 36),
    })
  }
  const content = ({ offset, size }: Section): Buffer => view.slice(offset, size)
  const relative = (address: number): Buffer | null => {
    const found = sections.find((each) => address >= each.address && address - each.address < each.size)
    return found === undefined ? null : content(found).subarray(address - found.address)
  }
  const directory = (index: number): { bytes: Buffer; address: number } | null => {
    const table = optional + (wide ? 112 : 96)
    if (table > optional + optionalSize || index >= view.u32(table - 4)) return null
    const at = table + index * 8
    if (at + 8 > optional + optionalSize) return null
    const address = view.u32(at)
    const part = address === 0 ? null : relative(address)
    return part === null ? null : { bytes: part, address }
  }
  return {
    format: 'pe',
    arch: machines[machine] ?? `0x${machine.toString(16)}`,
    bits: wide ? 64 : 32,
    little: true,
    sections,
    section: (name) => {
      const found = sections.find((each) => each.name === name)
      return found === undefined ? null : content(found)
    },
    data: () => sections.filter(({ flags }) => (flags & writableData) >>> 0 === writableData).map(content),
    at: (address) => relative(address - base),
    libraries: () => libraries(directory(1)?.bytes ?? null, relative),
    directory,
    relative,
  }
}

/** Names of the import directory: entries of 20 bytes, the last one is empty. */
function libraries(imports: Buffer | null, relative: (address: number) => Buffer | null): string[] {
  if (imports === null) return []
  const view = new View(imports, true, 'PE imports')
  const names: string[] = []
  for (let at = 0; ; at += 20) {
    const name = view.u32(at + 12)
    if (name === 0) return names
    if (names.length === mostLibraries) throw malformed(`PE: at most ${mostLibraries} libraries are read of one file`)
    const bytes = relative(name)
    if (bytes === null) throw malformed('PE: the name of an imported library lies outside of every section')
    names.push(new View(bytes, true, 'PE imports').text(0, longestName))
  }
}
