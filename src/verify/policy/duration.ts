import { InputError } from '../../base/errors.ts'

const units = { s: 1, m: 60, h: 3600, d: 86_400 } as const

/** `30d`, `6h`, `15m`, `90s`: what a policy may write. */
export const durationForm = /^([1-9][0-9]{0,6})([smhd])$/

/** Seconds of a duration that has passed {@link durationForm}. */
export function seconds(text: string): number {
  const found = durationForm.exec(text)
  const unit = found?.[2] as keyof typeof units | undefined
  return unit === undefined ? Number.NaN : Number(found?.[1]) * units[unit]
}

/** Seconds of a duration that an input gives. @throws InputError `input-invalid` */
export function durationInput(input: string, text: string): number {
  if (durationForm.test(text)) return seconds(text)
  throw new InputError('input-invalid', `${input}: ${JSON.stringify(text)} is not a duration`, {
    subject: input,
    remedy: `Write a duration such as 30d or 12h in \`${input}\`.`,
  })
}
