import type { Technology } from '../base/technology.ts'

/** Digits of the launch measurement in Trustee's claims: SHA-384 of processors, SHA-256 of PCR 11. Null where any text may stand. */
const digits: Readonly<Record<Technology, number | null>> = {
  snp: 96,
  tdx: 96,
  'az-snp-vtpm': 96,
  'az-tdx-vtpm': 96,
  tpm: 64,
  sample: null,
}

/** Digits of the reference values that Trustee's default policy compares with measurements, by name (coco.md §2.2). */
const referenceDigits: Readonly<Record<string, number>> = {
  snp_launch_measurement: 96,
  mr_td: 96,
  rtmr_1: 96,
  rtmr_2: 96,
  snp_pcr11: 64,
  tdx_pcr11: 64,
  tpm_pcr11: 64,
}

/**
 * Why a launch measurement can never be that of a guest: claims hold lower-case hex digits of one length, and a policy compares text. Null for one
 * that can.
 */
export function measurementProblem(technology: Technology, value: string): string | null {
  return problem(technology, value, digits[technology])
}

/** As {@link measurementProblem}, for each text of a reference value: a list or one value. Null for names that hold no measurement. */
export function referenceProblem(name: string, value: unknown): string | null {
  const wanted = Object.hasOwn(referenceDigits, name) ? (referenceDigits[name] ?? null) : null
  const texts = (Array.isArray(value) ? value : [value]).filter((one) => typeof one === 'string')
  return texts.map((text) => problem(name, text, wanted)).find((found) => found !== null) ?? null
}

function problem(what: string, value: string, wanted: number | null): string | null {
  if (wanted === null || (value.length === wanted && /^[0-9a-f]+$/.test(value))) return null
  const lower = value.replace(/^0x/i, '').toLowerCase()
  const mended = lower.length === wanted && /^[0-9a-f]+$/.test(lower)
  const shown = value.length > 100 ? `${value.slice(0, 100)}…` : value
  return mended
    ? `"${shown}" never matches: ${what} has ${wanted} lower-case hex digits. Write ${lower}`
    : `"${shown}" is not a measurement: ${what} has ${wanted} lower-case hex digits`
}

/** The measurement in each form that a claim may have: the claims of `az-snp-vtpm` hold base64 (coco.md §2.2), all others hex. */
export function claimForms(technology: Technology, measurements: readonly string[]): string[] {
  if (technology !== 'az-snp-vtpm') return [...measurements]
  return measurements.flatMap((hex) => [hex, Buffer.from(hex, 'hex').toString('base64')])
}
