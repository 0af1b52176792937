import { hash } from 'node:crypto'
import { mrtd } from '../../../src/tee/measure/mrtd.ts'
import { tdxRtmr2 } from '../../../src/tee/measure/rtmr.ts'
import { parseTdvf } from '../../../src/tee/measure/tdvf.ts'
import { predictTdx, type TdxRequest } from '../../../src/tee/predict/tdx.ts'
import { rtmrLayout, type TdxKernelBoot, type TdxSettings } from '../../../src/tee/predict/tdx-boot.ts'
import { makeStore } from '../measure/store-file.ts'
import { makeTdvf } from '../measure/tdvf-file.ts'
import { hashed, kernelFile, named, replayed, sha256 } from './given.ts'

const gib = 2 ** 30
const sections = [
  { type: 1, gpa: 0xffc00000, size: 65536, offset: 0, raw: 65536, attributes: 0 },
  { type: 0, gpa: 0xffe00000, size: 4096, offset: 65536, raw: 4096, attributes: 1 },
  { type: 2, gpa: 0x809000, size: 8192, offset: 0, raw: 0, attributes: 0 },
]
const bytes = makeTdvf(sections, {}, makeStore([]))
const digests = { loader: Buffer.alloc(48, 1), rsdp: Buffer.alloc(48, 2), tables: Buffer.alloc(48, 3) }
const settings: TdxSettings = { acpi: { digests }, secureBoot: 'absent' }
const boot: TdxKernelBoot = {
  kernel: named('vmlinuz', kernelFile()),
  initrd: hashed('initrd.img', 'initrd', ['sha384', 'sha256']),
  append: 'quiet',
  memory: [2 * gib],
  edk2: 202502,
  settings,
}
const of = (more: Partial<TdxRequest> = {}): ReturnType<typeof predictTdx> =>
  predictTdx({ firmware: named('OVMF.fd', bytes), boot, pageOrders: ['page', 'section'], registers: [], ...more })

test('firmware alone has an experimental MRTD for each order of pages', () => {
  const found = of({ boot: null })
  expect(found).toMatchObject({
    name: 'OVMF.fd',
    technology: 'tdx',
    covers: ['firmware'],
    inputs: { firmware: { name: 'OVMF.fd', digest: sha256(bytes) } },
    experimental: ['mr-td'],
    notes: [{ level: 'warn' }],
  })
  const parsed = parseTdvf(bytes, 'firmware')
  expect(found.values).toEqual(
    (['page', 'section'] as const).map((order) => ({
      shape: { 'page-order': order },
      measured: { 'mr-td': mrtd(parsed, order).toString('hex') },
    })),
  )
})

test('a kernel adds RTMR1 and 2, settings add RTMR0', () => {
  const found = of({ registers: ['rtmr0', 'rtmr1', 'rtmr2'], boot: { ...boot, memory: [gib, 4 * gib] } })
  expect(found).toMatchObject({ covers: ['kernel', 'initrd', 'cmdline'], experimental: [], notes: [] })
  expect(found.values.map(({ shape }) => shape)).toEqual([{ memory: gib }, { memory: 4 * gib }])
  const rtmr2 = tdxRtmr2('quiet initrd=initrd', hash('sha384', 'initrd', 'buffer'))
  expect(found.values[0]?.measured['rtmr2']).toBe(replayed(rtmr2, 'sha384'))
  expect(new Set(found.values.map(({ measured }) => measured['rtmr0'])).size).toBe(2)
  expect(found.inputs['acpi-rsdp']).toEqual({ name: 'captured', digest: `sha384:${'02'.repeat(48)}` })
  const without = of({ boot: { ...boot, settings: null } })
  expect(Object.keys(without.values[0]?.measured ?? {})).toEqual(['rtmr1', 'rtmr2', 'mr-td'])
  expect(without.inputs['acpi-rsdp']).toBeUndefined()
})

test('edk2 moved its second separator in 202411, and measures more from 202505 on', () => {
  expect([202408, 202411, 202502].map(rtmrLayout)).toEqual(['rtmr0', 'rtmr1', 'rtmr1'])
  expect(() => rtmrLayout(202505)).toThrow(expect.objectContaining({ code: 'unsupported', subject: 'edk2' }))
})

test.each<[string, Partial<TdxRequest>, string]>([
  ['firmware without TDX metadata', { firmware: named('OVMF.fd', kernelFile()) }, 'no TDX metadata'],
  ['a register without its kernel', { boot: null, registers: ['rtmr1'] }, 'rtmr1 cannot be predicted'],
  ['RTMR0 without settings', { boot: { ...boot, settings: null }, registers: ['rtmr0'] }, 'rtmr0 cannot be predicted'],
  ['an unknown register', { registers: ['rtmr3'] }, 'rtmr3 cannot be predicted'],
  ['enrolled keys', { firmware: named('x', makeTdvf(sections, {}, makeStore([{ name: 'PK' }]))) }, 'Secure Boot on'],
  [
    'firmware without variables',
    { firmware: named('x', makeTdvf(sections.slice(1), {}, makeStore([]))) },
    'no configuration volume',
  ],
  ['vga=', { boot: { ...boot, append: 'vga=ask' } }, 'QEMU writes vga='],
  ['no memory', { boot: { ...boot, memory: [] } }, 'no size of the machine'],
  ['an initrd of another bank', { boot: { ...boot, initrd: hashed('i', 'x', ['sha256']) } }, 'sha384 digest'],
  [
    'a log that is no CCEL',
    { boot: { ...boot, settings: { acpi: { ccel: named('ccel', 'x') }, secureBoot: 'off' } } },
    'folder/ccel',
  ],
])('%s is refused', (_title, changed, message) => {
  expect(() => of(changed)).toThrow(message)
})
