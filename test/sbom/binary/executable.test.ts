import { VerificationError } from '../../../src/base/errors.ts'
import type { Executable } from '../../../src/sbom/binary/executable.ts'
import { largestExecutable } from '../../../src/sbom/binary/executable.ts'
import { openExecutables } from '../../../src/sbom/binary/open.ts'
import { executables } from '../../../src/sbom/catalogers/binary/executables.ts'
import { flip } from '../../../testkit/mutate.ts'
import { catalog, headOf } from './catalog.ts'
import { base, makeElf, makeFat, makeMachO, makePe } from '../../../testkit/sbom/make-executable.ts'

const parts = [
  { name: '.text', bytes: Buffer.from('code') },
  { name: '.data', bytes: Buffer.from('data!'), data: true },
]
const elf = makeElf(parts, { needed: ['libc.so.6', 'libm.so'] })
const machO = makeMachO(parts, { needed: ['/usr/lib/libSystem.B.dylib'] })
/** A PE file with one imported library. */
const imports = Buffer.alloc(64)
imports.writeUInt32LE(0x1000 + 40, 12)
imports.write('KERNEL32.dll\0', 40, 'latin1')
const pe = makePe([{ name: '.idata', bytes: imports }, ...parts], { directories: { 1: { section: 0, size: 40 } } })
const fat = makeFat([machO, makeMachO(parts, { bits: 32, little: false })])
const files: [string, Buffer][] = [
  ['ELF', elf],
  ['ELF, 32 bits, big-endian', makeElf(parts, { bits: 32, little: false, needed: ['libc.so.6'] })],
  ['PE', pe],
  ['PE, 32 bits', makePe(parts, { wide: false })],
  ['Mach-O', machO],
  ['fat Mach-O', fat],
]

/** Reads everything that a program offers. */
function everything(bytes: Buffer): object {
  return openExecutables(bytes).map((program: Executable) => ({
    ...program,
    text: program.section('.text')?.toString(),
    data: program.data().map(String),
    at: program.at(base)?.length,
    libraries: program.libraries(),
  }))
}

describe('openExecutables', () => {
  test('sections, data, addresses and libraries of every format', () => {
    const one = openExecutables(elf)[0]
    expect(one).toMatchObject({ format: 'elf', arch: 'amd64', bits: 64, little: true })
    expect(one?.section('.text')?.toString()).toBe('code')
    expect(one?.section('.none')).toBeNull()
    expect(one?.data()[0]?.toString()).toBe('data!')
    const address = one?.sections.find(({ name }) => name === '.data')?.address ?? 0
    expect(one?.at(address + 1)?.toString()).toBe('ata!')
    expect(one?.at(1)).toBeNull()
    expect(one?.libraries()).toEqual(['libc.so.6', 'libm.so'])
    expect(openExecutables(pe)[0]).toMatchObject({ format: 'pe', arch: 'amd64', bits: 64 })
    expect(openExecutables(pe)[0]?.libraries()).toEqual(['KERNEL32.dll'])
    expect(
      openExecutables(pe)[0]
        ?.at(base + 0x2001)
        ?.toString(),
    ).toBe('ode')
    expect(openExecutables(machO)[0]?.libraries()).toEqual(['/usr/lib/libSystem.B.dylib'])
    expect(openExecutables(fat).map(({ bits, little }) => [bits, little])).toEqual([
      [64, true],
      [32, false],
    ])
  })

  test('a Java class, a DOS program and a short file are no executables of ours', () => {
    expect(openExecutables(Buffer.from('cafebabe0000003d0000', 'hex'))).toEqual([])
    expect(openExecutables(Buffer.concat([Buffer.from('MZ'), Buffer.alloc(100)]))).toEqual([])
    expect(openExecutables(Buffer.from('MZ'))).toEqual([])
  })

  test.each(files)('%s: every truncation and flipped bits are read or refused, never anything else', (_, bytes) => {
    expect(() => everything(bytes)).not.toThrow()
    const judge = (changed: Buffer): boolean => {
      try {
        everything(changed)
        return true
      } catch (error) {
        expect(error).toBeInstanceOf(VerificationError)
        return false
      }
    }
    let refused = 0
    for (let length = 0; length < bytes.length; length++) if (!judge(bytes.subarray(0, length))) refused++
    for (let bit = 0; bit < bytes.length * 8; bit += 5) if (!judge(flip(bytes, bit))) refused++
    expect(refused).toBeGreaterThan(20)
  })

  test('tables outside the file, foreign header sizes and huge counts are refused', () => {
    const changed = (at: number, value: number, size: 2 | 4): Buffer => {
      const copy = Buffer.from(elf)
      copy.writeUIntLE(value, at, size)
      return copy
    }
    expect(() => openExecutables(changed(0x28, 0x7fff_ffff, 4))).toThrow(/are expected at byte/)
    expect(() => openExecutables(changed(0x3c, 0xfffe, 2))).toThrow(/are expected at byte/)
    expect(() => openExecutables(changed(0x3a, 63, 2))).toThrow('section headers of 64 bytes are expected, found 63')
    expect(() => openExecutables(changed(0x36, 55, 2))).toThrow('program headers of 56 bytes are expected, found 55')
    expect(() => openExecutables(Buffer.from('7f454c460301', 'hex'))).toThrow('class 1 or 2 is expected, found 3')
    expect(() => openExecutables(Buffer.from('7f454c460203', 'hex'))).toThrow('byte order 1 or 2 is expected, found 3')
    const overlapping = Buffer.from(fat)
    overlapping.writeUInt32BE(fat.readUInt32BE(16) + 16, 36)
    expect(() => openExecutables(overlapping)).toThrow(/overlaps/)
  })
})

describe('executables', () => {
  const gaps = (path: string, content: Buffer): object[] => catalog(executables, { [path]: content }).gaps ?? []

  test('packed programs are opaque, others are not mentioned', () => {
    const packed = makeElf([{ name: 'x', bytes: Buffer.from('....UPX!') }], { nameless: true })
    expect(gaps('bin/tool', packed)).toEqual([
      {
        path: 'bin/tool',
        kind: 'binary',
        reason: 'opaque',
        why: 'the program was packed by UPX: its modules cannot be seen',
      },
    ])
    expect(gaps('a.exe', makePe([{ name: 'UPX0', bytes: Buffer.alloc(1) }]))).toMatchObject([{ reason: 'opaque' }])
    const frozen = Buffer.concat([elf, Buffer.from('MEI\x0c\x0b\x0a\x0b\x0e', 'latin1'), Buffer.alloc(80)])
    expect(gaps('bin/app', frozen)).toMatchObject([{ why: expect.stringContaining('PyInstaller') }])
    expect(gaps('bin/upx', makeElf([{ name: '.rodata', bytes: Buffer.from('UPX!') }]))).toEqual([])
    for (const [, bytes] of files) expect(gaps('bin/plain', bytes)).toEqual([])
  })

  test('a damaged program is an error of this cataloger alone; one beyond the limit costs 64 bytes', () => {
    expect(() => gaps('bin/tool', elf.subarray(0, 100))).toThrow(/ELF: .* bytes are expected/)
    const head = { ...headOf('bin/large', elf), size: largestExecutable + 1 }
    expect(executables.wants(head)).toBe(64)
    expect(executables.read(head, elf.subarray(0, 64))).toEqual({
      reason: 'too-large',
      why: `the program has ${largestExecutable + 1} bytes; at most ${largestExecutable} bytes are read`,
    })
  })
})
