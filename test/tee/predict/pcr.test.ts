import { hash } from 'node:crypto'
import { directPcr4, kernelPcr9, ukiPcr4 } from '../../../src/tee/measure/pcr.ts'
import { authenticode, parsePe } from '../../../src/tee/measure/pe.ts'
import { predictPcr, type PcrRequest } from '../../../src/tee/predict/pcr.ts'
import type { KernelBoot } from '../../../src/tee/predict/pcr-direct.ts'
import { ukiRegisters, type UkiBoot } from '../../../src/tee/predict/pcr-uki.ts'
import { makeStore } from '../measure/store-file.ts'
import { hashed, kernelFile, named, replayed, sha256, ukiFile } from './given.ts'

const gib = 2 ** 30
const file = ukiFile('257.1')
const uki: UkiBoot = { kind: 'uki', uki: named('uki.efi', file), phases: [], profile: 0, failedEntries: [0] }
const kernel: KernelBoot = {
  kind: 'kernel',
  kernel: named('vmlinuz', kernelFile()),
  initrd: hashed('initrd.img', 'initrd', ['sha256']),
  append: 'quiet',
  memory: [2 * gib],
}
const of = (boot: PcrRequest['boot'], more: Partial<PcrRequest> = {}): ReturnType<typeof predictPcr> =>
  predictPcr({ technology: 'tpm', bank: 'sha256', boot, secureBoot: null, registers: [], ...more })

describe('a UKI', () => {
  test('decides PCR 4, 9, 11, 12 and 13, one row for each number of failed entries', () => {
    const found = of({ ...uki, failedEntries: [0, 2], phases: ['enter-initrd'] })
    expect(found).toMatchObject({
      name: 'uki.efi',
      covers: ['kernel', 'initrd', 'cmdline'],
      notes: [],
      experimental: [],
    })
    expect(found.inputs['uki']).toEqual({ name: 'uki.efi', digest: sha256(file) })
    expect(found.inputs['uki.cmdline']).toEqual({ name: 'systemd-stub 257', digest: sha256('quiet') })
    expect(found.values.map(({ shape }) => shape)).toEqual([
      { 'failed-entries': 0, phases: 'enter-initrd', profile: 0 },
      { 'failed-entries': 2, phases: 'enter-initrd', profile: 0 },
    ])
    const linux = authenticode(parsePe(ukiLinux(), 'linux'), 'sha256')
    const events = ukiPcr4(authenticode(parsePe(file, 'uki'), 'sha256'), linux, 2, 'sha256')
    expect(found.values[1]?.measured['pcr4']).toBe(replayed(events, 'sha256'))
    expect(found.values[1]?.measured['pcr13']).toBe('0'.repeat(64))
  })

  test('with a stub that makes secrets has no PCR 9, and says why', () => {
    const boot = { ...uki, uki: named('uki.efi', ukiFile('262.1')) }
    const found = of(boot)
    expect(Object.keys(found.values[0]?.measured ?? {})).toEqual(['pcr4', 'pcr11', 'pcr12', 'pcr13'])
    expect(found.notes).toEqual([{ level: 'info', text: expect.stringMatching(/^PCR 9 is left out/) as string }])
    expect(() => of(boot, { registers: ['pcr9'] })).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining('PCR 9 is left out') as string }),
    )
  })

  test.each<[string, Partial<UkiBoot>, string, string]>([
    ['phases out of order', { phases: ['leave-initrd'] }, 'phases', 'out of order'],
    ['a phase that nobody measures', { phases: ['enter-initrd', 'lunch'] }, 'phases', 'lunch is unknown'],
    ['too many failed entries', { failedEntries: [101] }, 'failed-entries', 'from 0 to 100'],
    ['half a failed entry', { failedEntries: [0.5] }, 'failed-entries', '0.5 is not a whole number'],
    ['no number of failed entries', { failedEntries: [] }, 'failed-entries', 'no number is given'],
    ['a profile that it does not have', { profile: 1 }, 'profile', 'boot profile'],
  ])('with %s is refused', (_title, changed, subject, message) => {
    expect(() => ukiRegisters({ ...uki, ...changed }, 'sha256')).toThrow(expect.objectContaining({ subject }))
    expect(() => ukiRegisters({ ...uki, ...changed }, 'sha256')).toThrow(message)
  })
  test('that is no PE image, or names no stub, is refused', () => {
    for (const bytes of ['', 'MZ', kernelFile()]) {
      expect(() => of({ ...uki, uki: named('x.efi', bytes) })).toThrow('folder/x.efi')
    }
  })
})

describe('a kernel that QEMU hands over', () => {
  test('decides PCR 4 and 9, one row for each size of memory', () => {
    const found = of({ ...kernel, memory: [gib, 4 * gib] })
    expect(found.values.map(({ shape }) => shape)).toEqual([{ memory: gib }, { memory: 4 * gib }])
    const events = kernelPcr9('quiet initrd=initrd', hash('sha256', 'initrd', 'buffer'), 'sha256')
    expect(found.values[0]?.measured['pcr9']).toBe(replayed(events, 'sha256'))
    // QEMU writes the initrd's place into the kernel's header.
    expect(new Set(found.values.map(({ measured }) => measured['pcr4'])).size).toBe(2)
    expect(found.inputs).toEqual({
      kernel: { name: 'vmlinuz', digest: sha256(kernelFile()) },
      cmdline: { name: 'quiet initrd=initrd', digest: sha256('quiet initrd=initrd') },
      initrd: { name: 'initrd.img', digest: sha256('initrd') },
    })
  })

  test('without an initrd does not depend on memory', () => {
    const found = of({ ...kernel, initrd: null, memory: [] })
    expect(found.values.map(({ shape }) => shape)).toEqual([{}])
    const patched = kernelFile()
    patched.writeUInt8(0xb0, 0x210)
    patched.writeUInt8(0x81, 0x211)
    patched.writeUInt32LE(0xfe00, 0x224)
    patched.writeUInt32LE(0x20000, 0x228)
    const digest = authenticode(parsePe(patched, 'patched'), 'sha256')
    expect(found.values[0]?.measured['pcr4']).toBe(replayed(directPcr4(digest, 'sha256'), 'sha256'))
  })

  test.each<[string, Partial<KernelBoot>, string]>([
    ['vga=', { append: 'quiet vga=791' }, 'QEMU writes vga='],
    ['an initrd but no memory', { memory: [] }, 'no size of the machine'],
    ['an initrd that does not fit', { memory: [2 ** 17] }, 'does not fit'],
    ['an initrd without the digest of the bank', { initrd: hashed('initrd', 'x', ['sha1']) }, 'sha256 digest'],
    ['a file that is not a kernel', { kernel: named('vmlinuz', file) }, 'no bzImage'],
  ])('with %s is refused', (_title, changed, message) => {
    expect(() => of({ ...kernel, ...changed })).toThrow(message)
  })
})

describe('registers', () => {
  test('cover what they pin', () => {
    const covers = (registers: string[], boot: PcrRequest['boot'] = uki): readonly string[] =>
      of(boot, { registers }).covers
    expect(covers(['pcr4', 'pcr11', 'pcr12', 'pcr13'])).toEqual(['kernel', 'initrd', 'cmdline'])
    expect(covers(['pcr11', 'pcr12'])).toEqual(['kernel', 'cmdline'])
    expect(covers(['pcr12', 'pcr13'])).toEqual([])
    expect(covers(['pcr4'], kernel)).toEqual(['kernel'])
    expect(covers(['pcr9'], kernel)).toEqual(['initrd', 'cmdline'])
  })
  test('have PCR 7 only where Secure Boot is off, with the keys of the variable store', () => {
    const seven = (secureBoot: PcrRequest['secureBoot']): string | undefined =>
      of(uki, { secureBoot }).values[0]?.measured['pcr7']
    const off = seven({ state: 'off', vars: null })
    expect(off).toBe('65caf8dd1e0ea7a6347b635d2b379c93b9a1351edc2afc3ecda700e534eb3068')
    expect(seven(null)).toBeUndefined()
    const vars = named('vars.fd', makeStore([{ name: 'PK' }]))
    expect(new Set([off, seven({ state: 'absent', vars: null }), seven({ state: 'off', vars })]).size).toBe(3)
    expect(of(uki, { secureBoot: { state: 'off', vars } }).inputs['vars-file']).toEqual({
      name: 'vars.fd',
      digest: sha256(vars.bytes),
    })
    expect(() => seven({ state: 'off', vars: named('vars.fd', 'x') })).toThrow('no variable store')
    expect(() => of(uki, { registers: ['pcr7'] })).toThrow('pcr7 is not predicted here')
  })
})

function ukiLinux(): Buffer {
  const image = parsePe(file, 'uki')
  const linux = image.sections.find(({ name }) => name === '.linux')
  return Buffer.from(linux?.raw ?? [])
}
