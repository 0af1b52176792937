import { VerificationError } from '../../../src/base/errors.ts'
import { bundledDeps } from '../../../src/sbom/binary/dotnet-bundle.ts'
import { readPe } from '../../../src/sbom/binary/pe.ts'
import { productOf } from '../../../src/sbom/binary/product.ts'
import { versionStrings } from '../../../src/sbom/binary/version-resource.ts'
import { dotnetBundle } from '../../../src/sbom/catalogers/binary/dotnet-bundle.ts'
import { peVersion } from '../../../src/sbom/catalogers/binary/pe.ts'
import { flip } from '../../../testkit/mutate.ts'
import { catalog } from './catalog.ts'
import { makeElf, makePe } from './make-executable.ts'

/** A node of a version resource. @param value a text, or raw bytes */
function node(key: string, value: string | Buffer, children: readonly Buffer[] = []): Buffer {
  const text = typeof value === 'string'
  const bytes = text ? Buffer.from(value === '' ? '' : `${value}\0`, 'utf16le') : value
  const parts: Buffer[] = [Buffer.alloc(6), Buffer.from(`${key}\0`, 'utf16le')]
  const pad = (): void => {
    parts.push(Buffer.alloc((4 - (Buffer.concat(parts).length % 4)) % 4))
  }
  pad()
  parts.push(bytes)
  for (const child of children) {
    pad()
    parts.push(child)
  }
  const whole = Buffer.concat(parts)
  whole.writeUInt16LE(whole.length, 0)
  whole.writeUInt16LE(text ? bytes.length / 2 : bytes.length, 2)
  whole.writeUInt16LE(text ? 1 : 0, 4)
  return whole
}

/** The resource section: three folders of one entry, a data entry, the version. @param address of the section in memory */
function resources(strings: Readonly<Record<string, string>>, address = 0x1000): Buffer {
  const version = node('VS_VERSION_INFO', Buffer.alloc(52), [
    node('VarFileInfo', '', [node('Translation', Buffer.alloc(4))]),
    node('StringFileInfo', '', [
      node(
        '040904b0',
        '',
        Object.entries(strings).map(([key, value]) => node(key, value)),
      ),
    ]),
  ])
  const tree = Buffer.alloc(3 * 24 + 16)
  ;[16, 1, 1033].forEach((id, level) => {
    const at = level * 24
    tree.writeUInt16LE(1, at + 14)
    tree.writeUInt32LE(id, at + 16)
    tree.writeUInt32LE(level < 2 ? 0x8000_0000 + at + 24 : at + 24, at + 20)
  })
  tree.writeUInt32LE(address + tree.length, 72)
  tree.writeUInt32LE(version.length, 76)
  return Buffer.concat([tree, version])
}

const strings = {
  CompanyName: 'Acme',
  ProductName: 'Acme  Tool',
  ProductVersion: '1.2.3 beta of today',
  FileVersion: '1.2.3.4',
}
const library = { ProductName: 'Json (net8.0)', ProductVersion: '13.0.3+abc', FileVersion: '13.0.3.27908' }
const program = makePe([{ name: '.rsrc', bytes: resources(strings) }], { directories: { 2: { section: 0, size: 1 } } })
const assembly = makePe(
  [
    { name: '.rsrc', bytes: resources(library) },
    { name: '.text', bytes: Buffer.alloc(72) },
  ],
  { wide: false, directories: { 2: { section: 0, size: 1 }, 14: { section: 1, size: 72 } } },
)
const read = (path: string, bytes: Buffer): ReturnType<typeof catalog>['packages'] =>
  catalog(peVersion, { [path]: bytes }).packages

describe('pe-version', () => {
  test('a program by its product, an assembly as NuGet package', () => {
    expect(read('app/tool.exe', program)).toMatchObject([
      {
        type: 'binary',
        name: 'Acme Tool',
        version: '1.2.3',
        purl: 'pkg:generic/Acme%20Tool@1.2.3',
        locations: ['app/tool.exe'],
        properties: [['pe:company', 'Acme']],
      },
    ])
    expect(read('app/Json.dll', assembly)).toMatchObject([
      { type: 'nuget', name: 'Json', purl: 'pkg:nuget/Json@13.0.3.27908' },
    ])
  })

  test('programs without version resources are not listed', () => {
    expect(read('a.exe', makePe([{ name: '.text', bytes: Buffer.alloc(8) }]))).toEqual([])
    const nameless = makePe([{ name: '.rsrc', bytes: resources({ FileVersion: '1' }) }], {
      directories: { 2: { section: 0, size: 1 } },
    })
    expect(read('a.exe', nameless)).toEqual([])
    expect(read('a.elf', makeElf([{ name: '.rsrc', bytes: resources(strings) }]))).toEqual([])
  })

  test('every truncation and every flipped bit is read or refused, never anything else', () => {
    const judge = (changed: Buffer): void => {
      try {
        const file = readPe(changed)
        if (file !== null) versionStrings(file)
      } catch (error) {
        expect(error).toBeInstanceOf(VerificationError)
      }
    }
    for (let length = 0; length < program.length; length++) judge(program.subarray(0, length))
    for (let bit = 0; bit < program.length * 8; bit++) judge(flip(program, bit))
  })
})

describe('productOf', () => {
  const version = (product: string, file: string, company = 'Acme'): string =>
    productOf(
      new Map([
        ['ProductVersion', product],
        ['FileVersion', file],
        ['CompanyName', company],
        ['ProductName', 'x'],
      ]),
      true,
    ).version

  test.each([
    ['1.2.3', '1.2.3.0', 'Acme', '1.2.3.0'],
    ['1.2.4', '1.2.3.9', 'Acme', '1.2.4'],
    ['1.2.3+abc', '1.2.3.4', 'Acme', '1.2.3.4'],
    ['8.0.7+sha', '8.0.724.31311', 'Microsoft Corporation', '8.0.7'],
    ['8.0.7', '9.0.1.1', 'Microsoft Corporation', '9.0.1.1'],
    ['', '2.0', 'Acme', '2.0'],
    ['custom', '2.0', 'Acme', 'custom'],
  ])('product %j and file %j of %s give %s', (product, file, company, expected) => {
    expect(version(product, file, company)).toBe(expected)
  })

  test('Microsoft describes the file, others the product', () => {
    const both = (company: string): string =>
      productOf(
        new Map([
          ['CompanyName', company],
          ['ProductName', 'Suite'],
          ['FileDescription', 'Part'],
        ]),
        false,
      ).name
    expect(both('Microsoft')).toBe('Part')
    expect(both('Acme')).toBe('Suite')
  })
})

/** A host, its marked place, and a bundle of one deps.json. */
function bundle(deps: string, { version = 6, name = 'app', size = deps.length } = {}): Buffer {
  const place = Buffer.alloc(8)
  const host = makeElf([
    {
      name: '.data',
      bytes: Buffer.concat([
        place,
        Buffer.from('8b1202b96a612038727b930214d7a03213f5b9e6efae3318ee3b2dce24b36aae', 'hex'),
      ]),
    },
  ])
  const header = Buffer.alloc(12)
  header.writeUInt32LE(version, 0)
  const places = Buffer.alloc(16)
  const start = host.length + header.length + 1 + name.length + 16
  places.writeBigUInt64LE(BigInt(start), 0)
  places.writeBigUInt64LE(BigInt(size), 8)
  const whole = Buffer.concat([host, header, Buffer.from([name.length]), Buffer.from(name), places, Buffer.from(deps)])
  whole.writeBigUInt64LE(BigInt(host.length), whole.indexOf('8b1202b9', 0, 'hex') - 8)
  return whole
}

const deps = JSON.stringify({
  targets: {
    net8: {
      'app/1.0.0': { dependencies: { Lib: '2.0.0' }, runtime: { 'app.dll': {} } },
      'Lib/2.0.0': { runtime: { 'lib/net8.0/Lib.dll': {} } },
    },
  },
  libraries: { 'app/1.0.0': { type: 'project' }, 'Lib/2.0.0': { type: 'package' } },
})

describe('dotnet-bundle', () => {
  test('the packages of an application in one file', () => {
    const { packages, owned } = catalog(dotnetBundle, { 'opt/app': bundle(deps) })
    expect(packages.map(({ purl, cataloger, locations }) => [purl, cataloger, locations])).toEqual([
      ['pkg:nuget/app@1.0.0', 'dotnet-bundle', ['opt/app']],
      ['pkg:nuget/Lib@2.0.0', 'dotnet-bundle', ['opt/app']],
    ])
    expect(owned).toBeUndefined()
  })

  test('a host without an application and other programs are nothing; damaged bundles are errors', () => {
    const host = bundle(deps)
    host.writeBigUInt64LE(0n, host.indexOf('8b1202b9', 0, 'hex') - 8)
    expect(bundledDeps(host)).toBeNull()
    expect(bundledDeps(makeElf([]))).toBeNull()
    // A program that looks for the mark.
    expect(bundledDeps(bundle(deps, { version: 0x1003e80 }))).toBeNull()
    host.writeBigUInt64LE(1n << 40n, host.indexOf('8b1202b9', 0, 'hex') - 8)
    expect(bundledDeps(host)).toBeNull()
    expect(() => bundledDeps(bundle(deps, { version: 1 }))).toThrow('version 2 or newer is expected, found 1')
    expect(() => bundledDeps(bundle(deps, { size: 0 }))).toThrow(/has no deps.json/)
    expect(() => bundledDeps(bundle(deps, { size: 1 << 30 }))).toThrow(/bytes are expected/)
    expect(() => catalog(dotnetBundle, { 'opt/app': bundle('{}') })).toThrow(/expected "libraries" and "targets"/)
    expect(() => catalog(dotnetBundle, { 'opt/app': bundle('not json') })).toThrow(/is not valid JSON/)
  })
})
