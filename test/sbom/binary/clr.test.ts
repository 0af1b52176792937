import { VerificationError } from '../../../src/base/errors.ts'
import { assemblyOf } from '../../../src/sbom/binary/clr.ts'
import { readPe } from '../../../src/sbom/binary/pe.ts'
import { peVersion } from '../../../src/sbom/catalogers/binary/pe.ts'
import { flip } from '../../../testkit/mutate.ts'
import { catalog as catalogAll } from '../catalog.ts'
import { catalog } from './catalog.ts'
import { makePe } from '../../../testkit/sbom/make-executable.ts'

interface Options {
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
function makeNet(options: Options = {}): Buffer {
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

const read = (bytes: Buffer): ReturnType<typeof assemblyOf> => {
  const file = readPe(bytes)
  return file === null ? null : assemblyOf(file)
}

describe('assemblyOf', () => {
  test.each([
    ['narrow places', {}],
    ['wide strings', { heaps: 1 }],
    ['wide GUIDs', { heaps: 2 }],
    ['wide blobs', { heaps: 4 }],
    ['rows of several tables with four bytes', { methods: 2048 }],
    ['more rows yet, and all wide', { methods: 9000, heaps: 7 }],
    ['tables that are not optimised', { stream: '#-' }],
  ] as [string, Options][])('name and version, with %s', (_, options) => {
    expect(read(makeNet(options))).toEqual({ name: 'My.Lib', version: '1.2.3.4' })
  })

  test('no version is none; a module without an assembly and a native program are nothing', () => {
    expect(read(makeNet({ name: 'Grün', version: [0, 0, 0, 0] }))).toEqual({ name: 'Grün', version: '' })
    expect(read(makeNet({ assembly: false }))).toBeNull()
    expect(read(makePe([]))).toBeNull()
    expect(() => read(makeNet({ signature: 'XSJB' }))).toThrow('the signature BSJB is expected')
    expect(() => read(makeNet({ stream: '#x' }))).toThrow('the streams #~ and #Strings are expected')
  })

  test('every truncation and every flipped bit is read or refused', () => {
    const whole = makeNet()
    const judge = (changed: Buffer): void => {
      try {
        read(changed)
      } catch (error) {
        expect(error).toBeInstanceOf(VerificationError)
      }
    }
    for (let length = 0; length < whole.length; length++) judge(whole.subarray(0, length))
    for (let bit = 0; bit < whole.length * 8; bit++) judge(flip(whole, bit))
  })
})

test('an assembly without a version resource is listed by its metadata', () => {
  const { packages } = catalog(peVersion, {
    'app/My.Lib.dll': makeNet(),
    'app/b.dll': makeNet({ version: [0, 0, 0, 0], name: 'B' }),
  })
  expect(packages).toMatchObject([
    { type: 'nuget', purl: 'pkg:nuget/My.Lib@1.2.3.4', locations: ['app/My.Lib.dll'] },
    { type: 'nuget', purl: 'pkg:nuget/B', version: null },
  ])
})

test('a run time without its deps.json is one package by its folder; one with it is described there', async () => {
  const folder = 'usr/share/dotnet/shared/Microsoft.NETCore.App/8.0.1'
  const files = { [`${folder}/A.dll`]: makeNet({ name: 'A' }), [`${folder}/B.dll`]: makeNet({ name: 'B' }) }
  const bare = await catalogAll(files)
  expect(bare.packages).toMatchObject([
    { purl: 'pkg:nuget/Microsoft.NETCore.App@8.0.1', version: '8.0.1', locations: [`${folder}/A.dll`] },
  ])
  expect(bare.coverage.unattributed).toBe(0)
  const deps = {
    libraries: { 'R/8.0.1': { type: 'package' } },
    targets: { x: { 'R/8.0.1': { runtime: { 'A.dll': {} } } } },
  }
  const whole = await catalogAll({ ...files, [`${folder}/Microsoft.NETCore.App.deps.json`]: JSON.stringify(deps) })
  expect(whole.packages.map(({ purl }) => purl)).toEqual(['pkg:nuget/R@8.0.1'])
})

test('an assembly that a deps.json names is no second package; one beside it is', async () => {
  const deps = {
    libraries: { 'Lib/2.0.0': { type: 'package' } },
    targets: { x: { 'Lib/2.0.0': { runtime: { 'lib/net8.0/L.dll': {} } } } },
  }
  const found = await catalogAll({
    'app/app.deps.json': JSON.stringify(deps),
    'app/L.dll': makeNet({ name: 'L' }),
    'app/M.dll': makeNet({ name: 'M' }),
  })
  expect(found.packages.map(({ purl }) => purl)).toEqual(['pkg:nuget/Lib@2.0.0', 'pkg:nuget/M@1.2.3.4'])
})
