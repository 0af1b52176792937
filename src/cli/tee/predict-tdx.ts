import { hash } from 'node:crypto'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { pageOrders, mrtd, type PageOrder } from '../../tee/measure/mrtd.ts'
import { replayPcr } from '../../tee/measure/pcr.ts'
import { parseTdvf } from '../../tee/measure/tdvf.ts'
import { compareWithLog } from '../../tee/measure/tdx-log.ts'
import type { Coverage, ReferenceRow } from '../../tee/reference/values.ts'
import { baseName, named, writeDocument } from './document.ts'
import { optionFile } from '../option-file.ts'
import { tdxBoot, type TdxBoot } from './tdx-boot.ts'

const registers = ['mr-td', 'rtmr0', 'rtmr1', 'rtmr2'] as const
type Register = (typeof registers)[number]
const covered: Readonly<Record<Register, readonly Coverage[]>> = {
  'mr-td': ['firmware'],
  rtmr0: [],
  rtmr1: ['kernel'],
  rtmr2: ['initrd', 'cmdline'],
}

/** `tee predict tdx`: MRTD of a firmware, and RTMR0 to 2 of a kernel that QEMU boots directly with it. */
export async function predictTdx(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string>; text: string }> {
  const name = inputs.required('firmware')
  const file = await optionFile(inputs, 'firmware')
  const sections = parseTdvf(file, name)
  const boot = await tdxBoot(inputs, sections)
  const orders = readOrders(inputs)
  const wanted = readRegisters(inputs, boot)
  const experimental = wanted.includes('mr-td')
  if (experimental) {
    ports.log.warn('mr-td is experimental: no published vector joins a firmware file to the MRTD of real hardware.')
  }
  const values = boot.shapes.flatMap((shape) => {
    const measured = measureBoot(inputs, boot, shape, wanted)
    if (!experimental) return [{ shape: shape.shape, measured }]
    return orders.map((order) => ({
      shape: { ...shape.shape, 'page-order': order },
      measured: { ...measured, 'mr-td': mrtd(sections, order).toString('hex') },
    }))
  })
  const written = await writeDocument(inputs, 'firmware', {
    technology: 'tdx',
    covers: wanted.flatMap((register) => covered[register]),
    inputs: { firmware: named(baseName(name), hash('sha256', file, 'buffer')), ...boot.inputs },
    experimental: experimental ? ['mr-td'] : undefined,
    values,
  })
  return written ?? shown(values, boot.shapes.length)
}

function measureBoot(
  inputs: RawInputs,
  boot: TdxBoot,
  shape: TdxBoot['shapes'][number],
  wanted: readonly Register[],
): Record<string, string> {
  const measured: Record<string, string> = {}
  for (const [index, events] of shape.rtmrs.entries()) {
    const register = registers[index + 1]
    if (events === null || register === undefined || !wanted.includes(register)) continue
    if (boot.log !== null) compareWithLog(index, events, boot.log, inputs.text('ccel'))
    measured[register] = replayPcr(events, 'sha384').toString('hex')
  }
  return measured
}

function readOrders(inputs: RawInputs): PageOrder[] {
  return inputs.list('page-order').map((text) => {
    const found = pageOrders.find((order) => order === text)
    if (found !== undefined) return found
    throw new InputError('input-invalid', `--page-order: there is no "${text}"`, {
      subject: 'page-order',
      remedy: 'Use page (QEMU 9 and later), section (QEMU 8), or both.',
    })
  })
}

/** All that can be predicted, unless some are named. */
function readRegisters(inputs: RawInputs, { shapes: [first] }: TdxBoot): Register[] {
  const possible = registers.filter((_, i) => i === 0 || (first?.rtmrs[i - 1] ?? null) !== null)
  const asked = inputs.list('registers')
  if (asked.length === 0) return possible
  return asked.map((text) => {
    const found = possible.find((register) => register === text)
    if (found !== undefined) return found
    throw new InputError('input-invalid', `--registers: ${text} cannot be predicted from what is given`, {
      subject: 'registers',
      remedy: `Here it may be: ${possible.join(', ')}. RTMRs need --kernel; rtmr0 also the ACPI digests, by --ccel or one by one.`,
    })
  })
}

function shown(values: readonly ReferenceRow[], shapes: number): { outputs: Record<string, string>; text: string } {
  if (shapes !== 1) {
    throw new InputError('input-missing', 'several machine shapes need --output', {
      subject: 'output',
      remedy: 'Name a new file for the document, or give one value of --memory.',
    })
  }
  const outputs: Record<string, string> = {}
  for (const { shape, measured } of values) {
    for (const [name, value] of Object.entries(measured)) {
      outputs[name === 'mr-td' && values.length > 1 ? `mr-td-${shape['page-order']}` : name] = value
    }
  }
  const lines = Object.entries(outputs).map(([key, value]) => {
    return `${key}=${value}${key.startsWith('mr-td') ? ' (experimental)' : ''}\n`
  })
  return { outputs, text: lines.join('') }
}
