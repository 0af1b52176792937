import { InputError } from '../../base/errors.ts'
import { mrtd, type PageOrder } from '../measure/mrtd.ts'
import { replayPcr } from '../measure/pcr.ts'
import { parseTdvf } from '../measure/tdvf.ts'
import { compareWithLog } from '../measure/tdx-log.ts'
import type { Coverage } from '../reference/values.ts'
import { baseName, recordedFile, type NamedFile } from './files.ts'
import type { Note, Prediction } from './prediction.ts'
import { tdxBootEvents, type TdxBootEvents, type TdxKernelBoot } from './tdx-boot.ts'

/** A TD under QEMU. */
export interface TdxRequest {
  /** Whole firmware file that is built for TDX. */
  readonly firmware: NamedFile
  /** Adds RTMR1 and 2, and RTMR0 with its settings; null for the firmware alone. */
  readonly boot: TdxKernelBoot | null
  /** Orders in which QEMU adds pages, for MRTD: one row each. */
  readonly pageOrders: readonly PageOrder[]
  /** Which of `mr-td`, `rtmr0`, `rtmr1` and `rtmr2` to give; an empty list gives all that can be predicted. */
  readonly registers: readonly string[]
}

const registers = ['mr-td', 'rtmr0', 'rtmr1', 'rtmr2'] as const
type Register = (typeof registers)[number]
const covered: Readonly<Record<Register, readonly Coverage[]>> = {
  'mr-td': ['firmware'],
  rtmr0: [],
  rtmr1: ['kernel'],
  rtmr2: ['initrd', 'cmdline'],
}
const firmwareAlone: TdxBootEvents = { inputs: {}, shapes: [{ shape: {}, rtmrs: [] }], log: null }
const experimentalMrTd: Note = {
  level: 'warn',
  text: 'mr-td is experimental: no published vector joins a firmware file to the MRTD of real hardware.',
}

/**
 * Predicts MRTD of a TDX firmware, and RTMR0 to 2 of a kernel that QEMU boots directly with it.
 *
 * MRTD is **experimental**: no published vector joins a firmware file to hardware.
 *
 * @throws VerificationError `format-invalid` for files that cannot be read, `digest-mismatch` for the first event that differs from the given log
 * @throws InputError `unsupported` for firmware without TDX metadata, `input-invalid` with subject `registers` for a register that cannot be
 * predicted; errors of {@link tdxBootEvents}
 */
export function predictTdx(request: TdxRequest): Prediction {
  const { firmware, boot } = request
  const sections = parseTdvf(firmware.bytes, firmware.name)
  const events = boot === null ? firmwareAlone : tdxBootEvents(boot, sections, firmware.name)
  const wanted = chosenRegisters(request.registers, events)
  const withMrTd = wanted.includes('mr-td')
  const mrtds = withMrTd
    ? request.pageOrders.map((order) => ({ order, value: mrtd(sections, order).toString('hex') }))
    : []
  const values = events.shapes.flatMap(({ shape, rtmrs }) => {
    const measured = measuredRtmrs(rtmrs, events.log, wanted)
    if (!withMrTd) return [{ shape, measured }]
    return mrtds.map(({ order, value }) => ({
      shape: { ...shape, 'page-order': order },
      measured: { ...measured, 'mr-td': value },
    }))
  })
  return {
    name: baseName(firmware.name),
    technology: 'tdx',
    covers: wanted.flatMap((register) => covered[register]),
    inputs: { firmware: recordedFile(firmware), ...events.inputs },
    values,
    experimental: withMrTd ? ['mr-td'] : [],
    notes: withMrTd ? [experimentalMrTd] : [],
  }
}

function measuredRtmrs(
  rtmrs: TdxBootEvents['shapes'][number]['rtmrs'],
  log: TdxBootEvents['log'],
  wanted: readonly Register[],
): Record<string, string> {
  const measured: Record<string, string> = {}
  for (const [index, events] of rtmrs.entries()) {
    const register = registers[index + 1]
    if (events === null || register === undefined || !wanted.includes(register)) continue
    if (log !== null) compareWithLog(index, events, log.registers, log.name)
    measured[register] = replayPcr(events, 'sha384').toString('hex')
  }
  return measured
}

function chosenRegisters(asked: readonly string[], { shapes: [first] }: TdxBootEvents): Register[] {
  const possible = registers.filter((_, i) => i === 0 || (first?.rtmrs[i - 1] ?? null) !== null)
  if (asked.length === 0) return possible
  return asked.map((text) => {
    const found = possible.find((register) => register === text)
    if (found !== undefined) return found
    throw new InputError('input-invalid', `registers: ${text} cannot be predicted from what is given`, {
      subject: 'registers',
      remedy: `Here it may be: ${possible.join(', ')}. RTMRs need a kernel; rtmr0 also the ACPI digests, from a CCEL or one by one.`,
    })
  })
}
