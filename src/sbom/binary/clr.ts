import type { PeFile } from './pe.ts'
import { malformed, View } from './view.ts'

/** What an assembly of .NET calls itself. */
export interface Assembly {
  name: string
  /** Four numbers; empty where all of them are 0, which compilers write where none was given. */
  version: string
}

const assemblyTable = 0x20

/**
 * Columns of the tables up to the assembly's (ECMA-335, II.22): a digit is a number of that many bytes, `s`, `g` and `b` are places in the heaps of
 * strings, GUIDs and blobs, `#XX` is a row of that table, and a capital letter is a row of one of several tables.
 */
const columns = [
  ...['2sggg', 'Rss', '4ssT#04#06', '#04', '2sb', '#06', '422sb#08', '#08', '22s', '#02T', 'Psb', '2Cb', 'UYb', 'Fb'],
  ...[
    '2Db',
    '24#02',
    '4#04',
    'b',
    '#02#14',
    '#14',
    '2sT',
    '#02#17',
    '#17',
    '2sb',
    '2#06S',
    '#02MM',
    's',
    'b',
    '2Ws#1a',
  ],
  ...['4#04', '44', '4'],
] as const

/** Tables that a capital letter stands for, and the bits that choose among them (II.24.2.6). */
const choices: Readonly<Record<string, readonly [bits: number, tables: readonly number[]]>> = {
  T: [2, [2, 1, 0x1b]],
  C: [2, [4, 8, 0x17]],
  U: [5, [6, 4, 1, 2, 8, 9, 0xa, 0, 0xe, 0x17, 0x14, 0x11, 0x1a, 0x1b, 0x20, 0x23, 0x26, 0x27, 0x28, 0x2a, 0x2b, 0x2c]],
  F: [1, [4, 8]],
  D: [2, [2, 6, 0x20]],
  P: [3, [2, 1, 0x1a, 6, 0x1b]],
  S: [1, [0x14, 0x17]],
  M: [1, [6, 0xa]],
  W: [1, [4, 6]],
  Y: [3, [6, 0xa]],
  R: [2, [0, 0x1a, 0x23, 1]],
}

/**
 * Reads the assembly's own row from the metadata of a .NET file (ECMA-335, II.24). Null for another file, and for a module without an assembly.
 *
 * @throws VerificationError `format-invalid` where the metadata is damaged
 */
export function assemblyOf(file: PeFile): Assembly | null {
  const header = file.directory(14)
  if (header === null) return null
  const cli = new View(header.bytes, true, 'CLI header')
  const bytes = file.relative(cli.u32(8))
  if (bytes === null) throw malformed('CLI header: the metadata lie outside of every section')
  const root = new View(bytes, true, '.NET metadata')
  if (root.u32(0) !== 0x424a5342) throw malformed('.NET metadata: the signature BSJB is expected')
  const streams = readStreams(root)
  const [tables, strings] = [streams.get('#~') ?? streams.get('#-'), streams.get('#Strings')]
  if (tables === undefined || strings === undefined)
    throw malformed('.NET metadata: the streams #~ and #Strings are expected')
  return readAssembly(new View(tables, true, '.NET tables'), new View(strings, true, '.NET strings'))
}

function readStreams(root: View): Map<string, Buffer> {
  const streams = new Map<string, Buffer>()
  let at = 16 + root.u32(12)
  const count = root.u16(at + 2)
  at += 4
  for (let i = 0; i < count; i++) {
    const name = root.text(at + 8, 32)
    streams.set(name, root.slice(root.u32(at), root.u32(at + 4)))
    at += 8 + Math.ceil((name.length + 1) / 4) * 4
  }
  return streams
}

function readAssembly(view: View, strings: View): Assembly | null {
  const rows: number[] = []
  let at = 24
  for (let table = 0; table < 64; table++) {
    const there = (view.u32(table < 32 ? 8 : 12) >>> (table % 32)) & 1
    rows.push(there === 0 ? 0 : view.u32(at))
    at += there * 4
  }
  if (rows[assemblyTable] === 0) return null
  const heaps = view.u8(6)
  // Later tools write an unnamed number behind the counts.
  if ((heaps & 0x40) !== 0) at += 4
  columns.forEach((each, table) => {
    at += (rows[table] ?? 0) * sizeOf(each, rows, heaps)
  })
  const version = [4, 6, 8, 10].map((from) => view.u16(at + from)).join('.')
  const nameAt = at + 16 + sizeOf('b', rows, heaps)
  const index = sizeOf('s', rows, heaps) === 4 ? view.u32(nameAt) : view.u16(nameAt)
  // Strings are UTF-8; `text` takes bytes for characters.
  const name = Buffer.from(strings.text(index, 1024), 'latin1').toString('utf8')
  return name === '' ? null : { name, version: version === '0.0.0.0' ? '' : version }
}

/** Bytes of one row. */
function sizeOf(row: string, rows: readonly number[], heaps: number): number {
  let size = 0
  for (const [column] of row.matchAll(/#..|./g)) {
    const heap = 'sgb'.indexOf(column)
    const choice = choices[column]
    if (heap !== -1) size += (heaps >> heap) & 1 ? 4 : 2
    else if (column.startsWith('#')) size += (rows[Number.parseInt(column.slice(1), 16)] ?? 0) < 0x1_0000 ? 2 : 4
    else if (choice === undefined) size += Number(column)
    else size += Math.max(...choice[1].map((table) => rows[table] ?? 0)) < 2 ** (16 - choice[0]) ? 2 : 4
  }
  return size
}
