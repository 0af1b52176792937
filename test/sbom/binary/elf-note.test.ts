import { elfNote } from '../../../src/sbom/catalogers/binary/elf-note.ts'
import { catalog } from './catalog.ts'
import { makeElf } from '../../../testkit/sbom/make-executable.ts'

function note(json: object | string, { owner = 'FDO\0', type = 0xcafe1a7e, little = true } = {}): Buffer {
  const text = Buffer.from(typeof json === 'string' ? json : JSON.stringify(json))
  const head = Buffer.alloc(12)
  const put = (value: number, at: number): unknown =>
    little ? head.writeUInt32LE(value, at) : head.writeUInt32BE(value, at)
  put(owner.length, 0)
  put(text.length, 4)
  put(type, 8)
  return Buffer.concat([head, Buffer.from(owner), text, Buffer.alloc((4 - (text.length % 4)) % 4)])
}

const fedora = {
  type: 'rpm',
  name: 'coreutils',
  version: '9.4-3.fc39',
  architecture: 'x86_64',
  osCpe: 'cpe:/o:fedoraproject:fedora:39',
}
const read = (bytes: Buffer, options: object = {}): ReturnType<typeof catalog>['packages'] =>
  catalog(elfNote, { 'usr/bin/ls': makeElf([{ name: '.note.package', bytes }], options) }).packages

describe('elf-note', () => {
  test('Fedora by CPE, Debian by name, both byte orders and widths', () => {
    const purl = 'pkg:rpm/fedora/coreutils@9.4-3.fc39?arch=x86_64&distro=fedora-39'
    expect(read(note(fedora))[0]).toMatchObject({ type: 'rpm', purl, locations: ['usr/bin/ls'] })
    expect(read(note(fedora, { little: false }), { bits: 32, little: false })[0]?.purl).toBe(purl)
    const debian = { type: 'deb', os: 'debian', name: 'bash', version: '5.2-1', architecture: 'amd64' }
    expect(read(note(debian))[0]?.purl).toBe('pkg:deb/debian/bash@5.2-1?arch=amd64&distro=debian')
    expect(read(note({ ...debian, osVersion: '13' }))[0]?.purl).toContain('distro=debian-13')
  })

  test('a note of no distribution is generic; a bare section is read as well', () => {
    const own = { name: 'app', version: '1.0', system: 'acme', license: 'MIT', purl: 'pkg:generic/x@1' }
    expect(read(Buffer.from(JSON.stringify(own)))[0]).toMatchObject({
      type: 'binary',
      purl: 'pkg:generic/acme/app@1.0',
      licence: 'MIT',
      properties: [['elf-note:purl', 'pkg:generic/x@1']],
    })
    expect(read(note({ name: 'app', license: 'as is' }))[0]).toMatchObject({
      version: null,
      purl: 'pkg:generic/app',
      licence: null,
      licenceText: 'as is',
    })
  })

  test('without the section or a name there is no package', () => {
    expect(read(note({ version: '1' }))).toEqual([])
    expect(read(Buffer.alloc(0))).toEqual([])
    expect(catalog(elfNote, { a: makeElf([{ name: '.note', bytes: note(fedora) }]) }).packages).toEqual([])
  })

  test('foreign, cut and damaged notes are errors', () => {
    expect(() => read(note(fedora, { owner: 'GNU\0' }))).toThrow(/of FDO is expected/)
    expect(() => read(note(fedora, { type: 1 }))).toThrow(/0xcafe1a7e/)
    expect(() => read(note(fedora).subarray(0, 40))).toThrow(/bytes are expected/)
    expect(() => read(note('{"name":'))).toThrow(/is not valid JSON/)
    expect(() => read(note('{"name":"\\ud800"}'))).toThrow(/name is not valid Unicode/)
    expect(() => read(note('[]'))).toThrow(/a JSON object is expected/)
    expect(() => read(note(`{"name":"${'x'.repeat(65536)}"}`))).toThrow(/at most 65536 bytes/)
  })
})
