import { deflateSync } from 'node:zlib'
import { rustBinary } from '../../../src/sbom/catalogers/binary/rust.ts'
import { catalog } from './catalog.ts'
import { makeElf, makeFat, makeMachO, makePe } from '../../../testkit/sbom/make-executable.ts'

const list = {
  packages: [
    { name: 'adler', version: '1.0.2', source: 'crates.io' },
    { name: 'app', version: '0.1.0', source: 'local', dependencies: [0, 2, 99], root: true },
    { name: 'cc', version: '1.0.0', source: 'git', kind: 'build', dependencies: [0] },
  ],
  format: 1,
}
const packed = (value: object | string): Buffer =>
  deflateSync(Buffer.from(typeof value === 'string' ? value : JSON.stringify(value)))
const wasm = (name: string, content: Buffer, ids = [0]): Buffer => {
  const body = Buffer.concat([Buffer.from([name.length]), Buffer.from(name), content])
  const size = Buffer.from([(body.length & 0x7f) | 0x80, body.length >> 7])
  return Buffer.concat([
    Buffer.from('0061736d01000000', 'hex'),
    ...ids.flatMap((id) => [Buffer.from([id]), size, body]),
  ])
}
const read = (content: Buffer): ReturnType<typeof catalog>['packages'] =>
  catalog(rustBinary, { 'bin/app': content }).packages
const purls = ['pkg:cargo/adler@1.0.2', 'pkg:cargo/app@0.1.0', 'pkg:cargo/cc@1.0.0']

describe('rust-binary', () => {
  test('crates, their edges, their sources and what is of the build only', () => {
    const [adler, app, cc] = read(makeElf([{ name: '.dep-v0', bytes: packed(list) }]))
    expect(adler).toMatchObject({ purl: purls[0], dependsOn: [], properties: [['cargo:source', 'crates.io']] })
    expect(adler?.scope).toBeUndefined()
    expect(app).toMatchObject({ purl: purls[1], dependsOn: [purls[0], purls[2]], locations: ['bin/app'] })
    expect(app?.properties).toContainEqual(['cargo:root', 'true'])
    expect(cc).toMatchObject({ purl: purls[2], scope: 'build', dependsOn: [purls[0]] })
  })

  test('every container and the section of the first release', () => {
    const bytes = packed(list)
    const thin = makeMachO([{ name: '.dep-v0', bytes }])
    for (const content of [
      makeElf([{ name: '.rust-deps-v0', bytes }], { bits: 32, little: false }),
      makePe([{ name: '.dep-v0', bytes }]),
      thin,
      makeFat([thin]),
      wasm('.dep-v0', bytes),
      wasm('.dep-v0', bytes, [1, 0]),
    ])
      expect(read(content).map(({ purl }) => purl)).toEqual(purls)
  })

  test('other programs have no crates; WebAssembly of another version is not read', () => {
    expect(read(makeElf([{ name: '.text', bytes: packed(list) }]))).toEqual([])
    expect(read(wasm('producers', packed(list)))).toEqual([])
    expect(read(Buffer.concat([Buffer.from('0061736d02000000', 'hex'), wasm('.dep-v0', packed(list))]))).toEqual([])
  })

  test('damaged, bottomless and foreign lists are errors', () => {
    const of = (bytes: Buffer): Buffer => makeElf([{ name: '.dep-v0', bytes }])
    expect(() => read(of(packed(list).subarray(0, 30)))).toThrow(/the compressed data is damaged \(Z_BUF_ERROR\)/)
    expect(() => read(of(Buffer.from('plain')))).toThrow(/damaged \(Z_DATA_ERROR\)/)
    expect(() => read(of(packed(' '.repeat((8 << 20) + 1))))).toThrow(/at most 8388608 bytes are inflated/)
    expect(() => read(of(packed('['.repeat(100_000))))).toThrow(/nests deeper/)
    expect(() => read(of(packed('{"packages":3}')))).toThrow(/a list "packages" is expected/)
    expect(() => read(of(packed('{"packages":[{"name":"x"}]}')))).toThrow(/without name or version/)
    expect(() => read(of(packed('{"packages":[{"name":"\\ud800","version":"1"}]}')))).toThrow(/without name or version/)
    expect(() => read(of(packed('{"packages":[')))).toThrow(/is not valid JSON/)
    expect(() => read(wasm('.dep-v0', packed(list)).subarray(0, 40))).toThrow(/WebAssembly: .* bytes are expected/)
    expect(() => read(Buffer.from('0061736d0100000000ffffffffff01', 'hex'))).toThrow(/more than five bytes/)
  })
})
