import type { RawInputs } from '../../doors/context.ts'
import { InputError } from '../../base/errors.ts'
import { parseTime } from '../../base/time.ts'
import type { BankHash } from '../../tee/eventlog/hashes.ts'
import type { Companions } from '../../tee/formats/types.ts'
import type { PcrSelection } from '../../tee/verify/tpm/selection.ts'
import { optionFile } from '../option-file.ts'

/** Files beside a raw TPM quote. */
export async function readCompanions(inputs: RawInputs, names: readonly (keyof Companions)[]): Promise<Companions> {
  const companions: Companions = {}
  for (const name of names) if (inputs.text(name) !== '') companions[name] = await optionFile(inputs, name)
  return companions
}

/** Bytes of an option in hex of either case; null where it is not given. @throws InputError `input-invalid` */
export function hexOption(inputs: RawInputs, name: string, most: number): Buffer | null {
  const text = inputs.text(name).replace(/^0[xX]/, '')
  if (text === '') return null
  if (/^([\da-fA-F]{2})+$/.test(text) && text.length <= most * 2) return Buffer.from(text, 'hex')
  throw new InputError('input-invalid', `--${name} is not 1 to ${most} bytes of hex`, {
    subject: name,
    remedy: 'Write two hexadecimal digits for each byte.',
  })
}

/** RFC 3339 in UTC; `now` where it is not given. @throws InputError `input-invalid` */
export function timeOption(inputs: RawInputs, name: string, now: Date): Date {
  const text = inputs.text(name)
  return text === '' ? now : parseTime(text, `--${name}`)
}

const banks: readonly BankHash[] = ['sha1', 'sha256', 'sha384', 'sha512']

/** `sha256:0,1,7`, several banks by `+` between them, as tpm2-tools write it; null where it is not given. */
export function selectionOption(inputs: RawInputs, name: string): PcrSelection[] | null {
  const text = inputs.text(name)
  if (text === '') return null
  return text.split('+').map((one) => {
    const [bank = '', list = ''] = one.split(':')
    const hash = banks.find((known) => known === bank)
    const pcrs = list.split(',').map((pcr) => (/^\d{1,2}$/.test(pcr) ? Number(pcr) : -1))
    if (hash !== undefined && pcrs.every((pcr) => pcr >= 0 && pcr < 32) && new Set(pcrs).size === pcrs.length) {
      return { hash, pcrs: pcrs.toSorted((a, b) => a - b) }
    }
    throw new InputError('input-invalid', `--${name}: ${one} names no PCRs`, {
      subject: name,
      remedy: 'Write a bank and indices, e.g. sha256:0,1,7.',
    })
  })
}
