import { makePe } from './make-executable.ts'

export interface NetOptions {
  name?: string
  version?: readonly [number, number, number, number]
  /** Heaps whose places have four bytes: 1 strings, 2 GUIDs, 4 blobs. */
  heaps?: number
  /** Rows of the table of custom attributes: from 2048 on a row of several tables has four bytes. */
  methods?: number
  assembly?: boolean
  signature?: string
  stream?: string
}

/** A .NET file with the tables Module, MethodDef, CustomAttribute and Assembly (ECMA-335, II.24). */
export function makeNet(options: NetOptions = {}): Buffer {
  const { name = 'My.Lib', version = [1, 2, 3, 4], heaps = 0, methods = 1, assembly = true } = options
  const place = (bit: number, value = 0): Buffer => {
    const bytes = Buffer.alloc((heaps & bit) === 0 ? 2 : 4)
    bytes.writeUIntLE(value, 0, bytes.length)
    return bytes
  }
  const [s, g, b] = [place(1), place(2), place(4)]
  // MethodDef names a parameter (of none: two bytes); a custom attribute names one of 21 tables by 5 bits and one of two by 3.
  const method = Buffer.concat([Buffer.alloc(8), s, b, Buffer.alloc(2)])
  const attribute = Buffer.concat([Buffer.alloc(methods < 2048 ? 2 : 4), Buffer.alloc(methods < 8192 ? 2 : 4), b])
  const own = Buffer.concat([Buffer.alloc(16), b, place(1, 1), s])
  version.forEach((number, i) => own.writeUInt16LE(number, 4 + i * 2))
  const present: [number, number][] = [
    [0, 1],
    [6, methods],
    [12, 3],
    ...(assembly ? [[0x20, 1] as [number, number]] : []),
  ]
  const head = Buffer.alloc(24 + present.length * 4)
  head.writeUInt8(heaps, 6)
  let mask = 0n
  present.forEach(([table, rows], i) => {
    mask |= 1n << BigInt(table)
    head.writeUInt32LE(rows, 24 + i * 4)
  })
  head.writeBigUInt64LE(mask, 8)
  const module = Buffer.concat([Buffer.alloc(2), s, g, g, g])
  const tables = Buffer.concat([
    head,
    module,
    ...Array<Buffer>(methods).fill(method),
    attribute,
    attribute,
    attribute,
    own,
  ])
  const strings = Buffer.from(`\0${name}\0`)

  const parts: [string, Buffer][] = [
    [options.stream ?? '#~', tables],
    ['#Strings', strings],
  ]
  const heads = parts.map(([title]) => Buffer.from(title.padEnd(Math.ceil((title.length + 1) / 4) * 4, '\0')))
  const root = Buffer.alloc(20 + 4)
  root.write(options.signature ?? 'BSJB', 0, 'latin1')
  root.writeUInt32LE(4, 12)
  root.writeUInt16LE(parts.length, 22)
  let at = root.length + heads.reduce((sum, title) => sum + 8 + title.length, 0)
  const list = parts.map(([, bytes], i) => {
    const entry = Buffer.alloc(8)
    entry.writeUInt32LE(at, 0)
    entry.writeUInt32LE(bytes.length, 4)
    at += bytes.length
    return Buffer.concat([entry, heads[i] as Buffer])
  })
  const metadata = Buffer.concat([root, ...list, tables, strings])
  const cli = Buffer.alloc(72)
  cli.writeUInt32LE(0x1000 + 72, 8)
  cli.writeUInt32LE(metadata.length, 12)
  return makePe([{ name: '.text', bytes: Buffer.concat([cli, metadata]) }], {
    wide: false,
    directories: { 14: { section: 0, size: 72 } },
  })
}
