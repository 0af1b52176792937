import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { replayPcr } from '../../tee/measure/pcr.ts'
import { banks } from '../../tee/measure/pe.ts'
import type { Coverage } from '../../tee/reference/values.ts'
import { writeDocument } from './document.ts'
import { predictDirect, predictUki, readSecureBoot, type PcrBoot } from './pcr-boot.ts'

/** `tee predict pcr`: the registers that a UKI, or a kernel that QEMU boots directly, decides. */
export async function predictPcr(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string>; text: string }> {
  const bank = inputs.choice('bank', banks)
  const uki = inputs.text('uki') !== ''
  if (uki === (inputs.text('kernel') !== '')) {
    throw new InputError('input-missing', 'either --uki or --kernel is needed', {
      subject: 'uki',
      remedy: 'Give one of them.',
    })
  }
  const found = uki ? await predictUki(inputs, bank) : await predictDirect(inputs, bank)
  if (uki && found.shapes.some(({ registers }) => registers['pcr9'] === undefined)) {
    ports.log.info(
      'PCR 9 is left out: this stub hands the kernel what only the machine knows. PCR 11 to 13 hold what the UKI brings.',
    )
  }
  const secure = await readSecureBoot(inputs, bank)
  const wanted = readRegisters(inputs, Object.keys({ ...found.shapes[0]?.registers, ...secure.registers }))
  const values = found.shapes.map(({ shape, registers }) => ({
    shape,
    measured: Object.fromEntries(
      Object.entries({ ...registers, ...secure.registers })
        .filter(([name]) => wanted.includes(name))
        .map(([name, events]) => [name, replayPcr(events, bank).toString('hex')]),
    ),
  }))
  if (inputs.text('output') !== '' && bank !== 'sha256') {
    throw new InputError('unsupported', `reference values hold the SHA-256 bank, not ${bank}`, {
      subject: 'bank',
      remedy: 'Leave --bank or --output out.',
    })
  }
  const technology = inputs.choice('technology', ['tpm', 'az-snp-vtpm', 'az-tdx-vtpm'] as const)
  const written = await writeDocument(inputs, found.main, {
    technology,
    covers: coverage(found.main, Object.keys(values[0]?.measured ?? {})),
    inputs: { ...found.inputs, ...secure.inputs },
    values,
  })
  if (written !== null) return written
  const [only] = values
  if (only === undefined || values.length > 1) {
    throw new InputError('input-missing', 'several machine shapes need --output', {
      subject: 'output',
      remedy: 'Name a new file for the document, or give one value of each option.',
    })
  }
  const text = Object.entries(only.measured).map(([name, value]) => `${name}=${value}\n`)
  return { outputs: only.measured, text: text.join('') }
}

/** All that were predicted, unless some are named. */
function readRegisters(inputs: RawInputs, possible: readonly string[]): readonly string[] {
  const asked = inputs.list('registers')
  const unknown = asked.find((name) => !possible.includes(name))
  if (unknown === undefined) return asked.length === 0 ? possible : asked
  throw new InputError('input-invalid', `--registers: ${unknown} is not predicted here`, {
    subject: 'registers',
    remedy: `Use some of: ${possible.join(', ')}.`,
  })
}

/**
 * What these registers pin. A UKI stands whole in PCR 4 and in parts in PCR 11; what somebody adds to its command line or initrd is seen only
 * in PCR 12 and 13.
 */
function coverage(main: PcrBoot['main'], names: readonly string[]): Coverage[] {
  const has = (...all: string[]): boolean => all.every((name) => names.includes(name))
  const kernel = main === 'kernel' ? has('pcr4') : has('pcr4') || has('pcr11')
  const cmdline = main === 'kernel' ? has('pcr9') : kernel && has('pcr12')
  const initrd = main === 'kernel' ? has('pcr9') : cmdline && has('pcr13')
  return [
    ...(kernel ? ['kernel' as const] : []),
    ...(initrd ? ['initrd' as const] : []),
    ...(cmdline ? ['cmdline' as const] : []),
  ]
}
