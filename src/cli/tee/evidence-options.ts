import type { RawInputs } from '../../actions/context.ts'
import type { Definition } from '../../actions/definitions.ts'
import { InputError } from '../../base/errors.ts'
import type { BankHash } from '../../tee/eventlog/hashes.ts'
import { evidenceFormats, type Companions } from '../../tee/formats/types.ts'
import type { PcrSelection } from '../../tee/verify/tpm/selection.ts'
import { optionFile } from './files.ts'

type Options = Definition['inputs']

export const option = (name: string, description: string, fallback = '', required = false): Options[number] => ({
  name,
  description,
  default: fallback,
  required,
})

const format = option(
  'format',
  `Form of the evidence: auto, or one of ${evidenceFormats.join(', ')}. Hex and base64 text of each is taken too.`,
  'auto',
)

/** Options of `tee show`. The file is given as the one word behind the command. */
export const showOptions: Options = [
  option('file', 'File with evidence; may be given without --file.', '', true),
  format,
]

/** Options of `tee verify`. */
export const verifyOptions: Options = [
  option('evidence', 'File with evidence.', '', true),
  format,
  option(
    'report-data',
    'What the report must carry, hex, up to 64 bytes; shorter values are padded with zeros as the hardware does.',
  ),
  option('nonce', 'Qualifying data of a TPM quote, hex, compared whole; for other evidence the same as --report-data.'),
  option('collateral', 'Folder or file with collateral (docs/tee-commands.md); several may be given.'),
  option('policy', 'Policy of the gate (docs/policy.md): its tee section and measurements are applied.'),
  option('at', 'Time to judge at, e.g. 2026-11-25T12:00:00Z; now by default.'),
  option(
    'accept',
    'Take by name what is not proven: unbound (nothing was asked), trailing-bytes, software-tpm, unbound-user-data.',
  ),
  option('event-log', "The firmware's event log that belongs to the evidence (TCG2, or CCEL on TDX)."),
  option('ima-log', 'The binary IMA log that belongs to the evidence.'),
  option('signature', 'Raw TPM quote: TPMT_SIGNATURE, as tpm2_quote -s writes it.'),
  option('pcrs', 'Raw TPM quote: PCR values, as tpm2_quote -o or tpm2_pcrread -o writes them.'),
  option('ak', 'Raw TPM quote: attestation key as PEM, DER, certificate, TPMT_PUBLIC or TPM2B_PUBLIC.'),
  option('pcr-selection', 'Raw TPM quote: what must have been quoted, e.g. sha256:0,1,7; all 24 of sha256 by default.'),
]

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
  if (text === '') return now
  const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d)?Z)?$/.test(text)
  const time = new Date(text)
  if (form && !Number.isNaN(time.getTime())) return time
  throw new InputError('input-invalid', `--${name}: ${text} is no time`, {
    subject: name,
    remedy: 'Write it in UTC, as 2026-11-25T12:00:00Z or 2026-11-25.',
  })
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
