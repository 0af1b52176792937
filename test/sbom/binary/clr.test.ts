import { VerificationError } from '../../../src/base/errors.ts'
import { assemblyOf } from '../../../src/sbom/binary/clr.ts'
import { readPe } from '../../../src/sbom/binary/pe.ts'
import { peVersion } from '../../../src/sbom/catalogers/binary/pe.ts'
import { flip } from '../../../testkit/mutate.ts'
import { catalog as catalogAll } from '../catalog.ts'
import { catalog } from './catalog.ts'
import { makePe } from '../../../testkit/sbom/make-executable.ts'
import { makeNet, type NetOptions } from '../../../testkit/sbom/make-net.ts'

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
  ] as [string, NetOptions][])('name and version, with %s', (_, options) => {
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
