import { VerificationError } from '../../../src/base/errors.ts'
import { bundledDeps } from '../../../src/sbom/binary/dotnet-bundle.ts'
import { readPe } from '../../../src/sbom/binary/pe.ts'
import { productOf } from '../../../src/sbom/binary/product.ts'
import { versionStrings } from '../../../src/sbom/binary/version-resource.ts'
import { dotnetBundle } from '../../../src/sbom/catalogers/binary/dotnet-bundle.ts'
import { peVersion } from '../../../src/sbom/catalogers/binary/pe.ts'
import { flip } from '../../../testkit/mutate.ts'
import { catalog } from './catalog.ts'
import { bundle, resources } from '../../../testkit/sbom/make-dotnet.ts'
import { makeElf, makePe } from '../../../testkit/sbom/make-executable.ts'

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
