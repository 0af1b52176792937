import { hash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { predictTdxOptions } from '../../../src/cli/tee/predict-options.ts'
import { predictTdx } from '../../../src/cli/tee/predict-tdx.ts'
import { readTdxRequest } from '../../../src/cli/tee/tdx-request.ts'
import { replayPcr } from '../../../src/tee/measure/pcr.ts'
import { tdxRtmr2 } from '../../../src/tee/measure/rtmr.ts'
import { parseTdvf } from '../../../src/tee/measure/tdvf.ts'
import { tdxBootEvents } from '../../../src/tee/predict/tdx-boot.ts'
import { parseReferenceValues } from '../../../src/tee/reference/values.ts'
import { makePe } from '../../tee/measure/pe-file.ts'
import { makeTdvf } from '../../tee/measure/tdvf-file.ts'
import { makeStore } from '../../tee/measure/store-file.ts'
import { commandLine, type Given } from './given.ts'

const { here, put, run } = commandLine()
const tdx = (given: Given): ReturnType<typeof predictTdx> => run(predictTdx, predictTdxOptions, given)

const sections = [
  { type: 1, gpa: 0xffc00000, size: 65536, offset: 0, raw: 65536, attributes: 0 },
  { type: 0, gpa: 0xffe00000, size: 4096, offset: 65536, raw: 4096, attributes: 1 },
  { type: 2, gpa: 0x809000, size: 8192, offset: 0, raw: 0, attributes: 0 },
]
const firmware = put('OVMF.fd', makeTdvf(sections, {}, makeStore([])))
const withKeys = put('OVMF.ms.fd', makeTdvf(sections, {}, makeStore([{ name: 'PK' }])))
/** A kernel file with the setup header where it must be. */
const kernelFile = makePe([{ name: '.text', content: Buffer.alloc(8192, 1) }])
kernelFile.writeUInt16LE(0xaa55, 0x1fe)
kernelFile.write('HdrS', 0x202, 'latin1')
kernelFile.writeUInt16LE(0x20f, 0x206)
kernelFile.writeUInt8(1, 0x211)
kernelFile.writeUInt32LE(0x7fffffff, 0x22c)
const kernel = put('vmlinuz', kernelFile)
const initrd = put('initrd.img', 'initrd')
const boot = { firmware, kernel, initrd, append: 'quiet', memory: '2G', edk2: '202502' }
const acpi = { 'acpi-loader': '11'.repeat(48), 'acpi-rsdp': '22'.repeat(48), 'acpi-tables': '33'.repeat(48) }
const full = { ...boot, ...acpi, 'secure-boot': 'absent' }

/** A CCEL of these events: [register, digest]. */
function ccel(events: readonly (readonly [number, Buffer])[]): Buffer {
  const u32 = (n: number): Buffer => Buffer.from(Uint32Array.of(n).buffer)
  const u16 = (n: number): Buffer => Buffer.from(Uint16Array.of(n).buffer)
  const specification = Buffer.concat([
    ...[Buffer.from('Spec ID Event03\0'), u32(0), Buffer.from([0, 2, 0, 2])],
    ...[u32(1), u16(12), u16(48), Buffer.from([0])],
  ])
  const head = Buffer.concat([u32(0), u32(3), Buffer.alloc(20), u32(specification.length), specification])
  return Buffer.concat([
    head,
    ...events.map(([register, digest]) => Buffer.concat([u32(register), u32(5), u32(1), u16(12), digest, u32(0)])),
    Buffer.alloc(64, 0xff),
  ])
}

describe('tee predict tdx', () => {
  test('MRTD alone is experimental wherever it shows', async () => {
    const { outputs, text } = await tdx({ firmware })
    expect(Object.keys(outputs)).toEqual(['mr-td-page', 'mr-td-section'])
    expect(text).toMatch(/^mr-td-page=[0-9a-f]{96} \(experimental\)\nmr-td-section=/)
    const one = await tdx({ firmware, 'page-order': 'section' })
    expect(one.outputs).toEqual({ 'mr-td': outputs['mr-td-section'] })
    const output = join(here, 'firmware.json')
    await tdx({ firmware, output })
    const document = parseReferenceValues(readFileSync(output), 'file')
    expect(document).toMatchObject({ technology: 'tdx', covers: ['firmware'], experimental: ['mr-td'] })
    expect(document.values.map(({ shape }) => shape)).toEqual([{ 'page-order': 'page' }, { 'page-order': 'section' }])
  })

  test('a kernel adds RTMR1 and 2, ACPI digests RTMR0', async () => {
    const { outputs } = await tdx({ ...boot, registers: 'rtmr1,rtmr2' })
    expect(Object.keys(outputs)).toEqual(['rtmr1', 'rtmr2'])
    const events = tdxRtmr2('quiet initrd=initrd', hash('sha384', 'initrd', 'buffer'))
    expect(outputs['rtmr2']).toBe(replayPcr(events, 'sha384').toString('hex'))
    const whole = (await tdx(full)).outputs
    expect(Object.keys(whole)).toEqual(['rtmr0', 'rtmr1', 'rtmr2', 'mr-td-page', 'mr-td-section'].sort(byMrTd))
    expect(whole).toMatchObject(outputs)
    const older = (await tdx({ ...full, edk2: '202408' })).outputs
    expect(older['rtmr0']).not.toBe(whole['rtmr0'])
    expect(older['rtmr1']).not.toBe(whole['rtmr1'])
    expect(older['rtmr2']).toBe(whole['rtmr2'])
    expect((await tdx({ ...full, 'secure-boot': 'off' })).outputs['rtmr0']).not.toBe(whole['rtmr0'])
  })

  test('a matrix over memory', async () => {
    const output = join(here, 'matrix.json')
    await tdx({ ...full, memory: '1G,2G,4G,8G', output, registers: 'rtmr0,rtmr1,rtmr2' })
    const { values, covers, inputs, experimental } = parseReferenceValues(readFileSync(output), 'file')
    expect(covers).toEqual(['kernel', 'initrd', 'cmdline'])
    expect(experimental).toBeUndefined()
    expect(inputs['acpi-rsdp']).toEqual({ name: 'captured', digest: `sha384:${'22'.repeat(48)}` })
    expect(new Set(values.map(({ measured }) => measured['rtmr0'])).size).toBe(4)
    // The initrd's place, and so the kernel's header, is the same from 2 GiB on.
    expect(new Set(values.map(({ measured }) => measured['rtmr1'])).size).toBe(2)
  })

  test('a log of a real boot is compared event by event', async () => {
    const { outputs } = await tdx(full)
    const { boot: request } = await run(readTdxRequest, predictTdxOptions, full)
    const found = request === null ? null : tdxBootEvents(request, parseTdvf(readFileSync(firmware), 'x'), 'x')
    const events = (found?.shapes[0]?.rtmrs ?? []).flatMap((list, i) =>
      (list ?? []).map(({ digest }) => [i + 1, digest] as const),
    )
    const given = { ...boot, 'secure-boot': 'absent', ccel: put('ccel', ccel(events)) }
    expect((await tdx(given)).outputs).toEqual(outputs)
    const wrong = events.map(([register, digest], i) => [register, i === 1 ? Buffer.alloc(48) : digest] as const)
    await expect(tdx({ ...given, ccel: put('ccel-2', ccel(wrong)) })).rejects.toThrow('event 2: configuration volume')
    const longer = [...events, [3, Buffer.alloc(48)] as const]
    await expect(tdx({ ...given, ccel: put('ccel-3', ccel(longer)) })).rejects.toThrow('RTMR2')
    await expect(tdx({ ...given, append: 'loud' })).rejects.toMatchObject({ code: 'digest-mismatch' })
  })

  test.each<[string, Given, string]>([
    ['no firmware', {}, '--firmware is required'],
    ['firmware without metadata', { firmware: kernel }, 'no TDX metadata'],
    ['memory without a kernel', { firmware, memory: '2G' }, '--kernel'],
    ['no memory', { ...boot, memory: '' }, '--memory is required'],
    ['no release of the firmware', { ...boot, edk2: '' }, '--edk2 is required'],
    ['a release that measures more', { ...boot, edk2: '202505' }, 'cannot be predicted'],
    ['a release that is none', { ...boot, edk2: 'stable' }, 'not a whole number'],
    ['one ACPI digest', { ...boot, 'acpi-rsdp': '22'.repeat(48), 'secure-boot': 'off' }, '--acpi-loader'],
    ['half an ACPI digest', { ...full, 'acpi-tables': '33' }, '--acpi-tables'],
    ['ACPI without the state of Secure Boot', { ...full, 'secure-boot': '' }, '--secure-boot is required'],
    ['Secure Boot', { ...full, 'secure-boot': 'on' }, 'not one of the values'],
    ['enrolled keys', { ...full, firmware: withKeys }, 'has Secure Boot on'],
    ['an unknown order', { firmware, 'page-order': 'random' }, 'there is no "random"'],
    ['a register that cannot be had', { ...boot, registers: 'rtmr0' }, 'cannot be predicted from'],
    ['several memories without a document', { ...boot, memory: '1G,2G' }, 'need --output'],
    ['vga=', { ...boot, append: 'vga=ask' }, 'vga='],
    ['a log that is none', { ...boot, ccel: initrd, 'secure-boot': 'off' }, 'ends beyond the input'],
  ])('%s is refused', async (_title, given, message) => {
    await expect(tdx(given)).rejects.toThrow(message)
  })
})

function byMrTd(a: string, b: string): number {
  return Number(a.startsWith('mr-td')) - Number(b.startsWith('mr-td')) || (a < b ? -1 : 1)
}
