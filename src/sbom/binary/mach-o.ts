import { mostLibraries, type Executable, type Section } from './executable.ts'
import { malformed, View } from './view.ts'

/** Mach-O processor numbers in Go's words. */
const machines: Readonly<Record<number, string>> = {
  7: '386',
  12: 'arm',
  18: 'ppc',
  0x100_0007: 'amd64',
  0x100_000c: 'arm64',
  0x100_0012: 'ppc64',
}

const command = { segment: 1, dylib: 0xc, weakDylib: 0x8000_0018, segment64: 0x19 } as const
const writable = 2

interface Segment extends Section {
  protection: number
}

/**
 * Reads the load commands of a thin Mach-O file of either byte order.
 *
 * @throws VerificationError `format-invalid`
 */
export function readMachO(bytes: Buffer): Executable {
  const first = new View(bytes, false, 'Mach-O').u32(0)
  const little = first === 0xcefaedfe || first === 0xcffaedfe
  const wide = first === 0xcffaedfe || first === 0xfeedfacf
  const view = new View(bytes, little, 'Mach-O')
  const machine = view.u32(4)
  const count = view.u32(16)
  const start = wide ? 32 : 28
  const commands = new View(view.slice(start, view.u32(20)), little, 'Mach-O load commands')
  const sections: Section[] = []
  const segments: Segment[] = []
  const names: string[] = []
  let at = 0
  for (let i = 0; i < count; i++) {
    const [kind, size] = [commands.u32(at), commands.u32(at + 4)]
    if (size < 8) throw malformed(`Mach-O: a load command has ${size} bytes, expected 8 or more`)
    const body = new View(commands.slice(at, size), little, 'Mach-O load command')
    if (kind === command.segment || kind === command.segment64)
      readSegment(body, kind === command.segment64, segments, sections)
    else if (kind === command.dylib || kind === command.weakDylib) names.push(body.text(body.u32(8), size))
    if (names.length > mostLibraries) throw malformed(`Mach-O: at most ${mostLibraries} libraries are read of one file`)
    at += size
  }
  const content = ({ offset, size }: Section): Buffer => view.slice(offset, size)
  return {
    format: 'mach-o',
    arch: machines[machine] ?? `0x${machine.toString(16)}`,
    bits: wide ? 64 : 32,
    little,
    sections,
    section: (name) => {
      const found = sections.find((each) => each.name === name)
      return found === undefined ? null : content(found)
    },
    data: () => segments.filter(({ protection, size }) => (protection & writable) !== 0 && size > 0).map(content),
    at: (address) => {
      const found = segments.find((each) => address >= each.address && address - each.address < each.size)
      return found === undefined ? null : content(found).subarray(address - found.address)
    },
    libraries: () => names,
  }
}

function readSegment(body: View, wide: boolean, segments: Segment[], sections: Section[]): void {
  const word = (at: number): number => (wide ? body.u64(at) : body.u32(at))
  const name = (at: number): string => body.slice(at, 16).toString('latin1').replace(/\0.*$/s, '')
  const step = wide ? 8 : 4
  segments.push({
    name: name(8),
    address: word(24),
    offset: word(24 + 2 * step),
    size: word(24 + 3 * step),
    protection: body.u32(24 + 4 * step + 4),
  })
  const count = body.u32(24 + 4 * step + 8)
  const entry = wide ? 80 : 68
  const first = 24 + 4 * step + 16
  body.slice(first, count * entry)
  for (let i = 0; i < count; i++) {
    const at = first + i * entry
    sections.push({
      name: name(at),
      address: word(at + 32),
      size: word(at + 32 + step),
      offset: body.u32(at + 32 + 2 * step),
    })
  }
}
