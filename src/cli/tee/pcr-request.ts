import type { RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { banks, type Bank } from '../../tee/measure/pe.ts'
import type { KernelBoot } from '../../tee/predict/pcr-direct.ts'
import { failedEntriesLimit, type UkiBoot } from '../../tee/predict/pcr-uki.ts'
import { documentBank, tpmTechnologies, type PcrRequest } from '../../tee/predict/pcr.ts'
import { secureBootStates, type SecureBoot } from '../../tee/predict/secure-boot.ts'
import { memorySizes, readDirectKernel } from './direct-kernel.ts'
import { namedFile, namedFileIfGiven } from './predict-files.ts'

/**
 * Reads the options of `tee predict pcr`.
 *
 * @throws InputError `input-missing`, `input-invalid`, `unsupported`, `file-missing` naming the option
 */
export async function readPcrRequest(inputs: RawInputs): Promise<PcrRequest> {
  const bank = inputs.choice('bank', banks)
  const uki = inputs.text('uki') !== ''
  if (uki === (inputs.text('kernel') !== '')) {
    throw new InputError('input-missing', 'either --uki or --kernel is needed', {
      subject: 'uki',
      remedy: 'Give one of them.',
    })
  }
  if (inputs.text('output') !== '' && bank !== documentBank) {
    throw new InputError('unsupported', `reference values hold the SHA-256 bank, not ${bank}`, {
      subject: 'bank',
      remedy: 'Leave --bank or --output out.',
    })
  }
  return {
    bank,
    technology: inputs.choice('technology', tpmTechnologies),
    boot: uki ? await readUki(inputs) : await readKernel(inputs, bank),
    secureBoot: await readSecureBoot(inputs),
    registers: inputs.list('registers'),
  }
}

async function readUki(inputs: RawInputs): Promise<UkiBoot> {
  refuseWith(inputs, 'uki', ['initrd', 'append', 'memory'])
  return {
    kind: 'uki',
    uki: await namedFile(inputs, 'uki'),
    phases: inputs.list('phases'),
    profile: inputs.integer('profile', 0, 1000),
    failedEntries: inputs.list('failed-entries').map(failedEntries),
  }
}

async function readKernel(inputs: RawInputs, bank: Bank): Promise<KernelBoot> {
  refuseWith(inputs, 'kernel', ['phases'])
  const boot = await readDirectKernel(inputs, bank)
  return { kind: 'kernel', ...boot, memory: boot.initrd === null ? [] : memorySizes(inputs) }
}

async function readSecureBoot(inputs: RawInputs): Promise<SecureBoot | null> {
  const text = inputs.text('secure-boot')
  if (text === '') {
    if (inputs.text('vars-file') === '') return null
    throw new InputError('input-missing', '--vars-file needs --secure-boot off or absent', { subject: 'secure-boot' })
  }
  const state = secureBootStates.find((known) => known === text)
  if (state === undefined) {
    throw new InputError('unsupported', `--secure-boot: ${text} cannot be predicted`, {
      subject: 'secure-boot',
      remedy:
        'Write off (or absent where the firmware is built without it), or leave it out. With Secure Boot on, PCR 7 also holds the key that vouched for each image: take it from a machine with --captured pcr7=HEX.',
    })
  }
  return { state, vars: await namedFileIfGiven(inputs, 'vars-file') }
}

function failedEntries(text: string): number {
  if (/^\d{1,3}$/.test(text) && Number(text) <= failedEntriesLimit) return Number(text)
  throw new InputError('input-invalid', `--failed-entries: ${text} is not a number from 0 to ${failedEntriesLimit}`, {
    subject: 'failed-entries',
  })
}

function refuseWith(inputs: RawInputs, name: string, others: readonly string[]): void {
  const other = others.find((o) => inputs.text(o) !== '')
  if (other === undefined) return
  throw new InputError('input-invalid', `--${other} has no meaning with --${name}`, {
    subject: other,
    remedy: `Leave --${other} out.`,
  })
}
