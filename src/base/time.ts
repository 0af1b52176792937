import { InputError } from './errors.ts'

const form = /^\d{4}-\d\d-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,3})?)?Z)?$/

/**
 * Reads a time that a user typed: RFC 3339 in UTC, or a date, which means its first second in UTC. A time without `Z` would be local time on
 * one machine and another time elsewhere, so it is refused.
 *
 * @param option as the user typed its name, for the error: `--at`
 * @throws InputError `input-invalid`
 */
export function parseTime(text: string, option: string): Date {
  const time = new Date(text)
  // JavaScript turns 30 February into 2 March: the day must read the same again.
  if (form.test(text) && !Number.isNaN(time.getTime()) && time.toISOString().startsWith(text.slice(0, 10))) return time
  throw new InputError('input-invalid', `${option}: ${JSON.stringify(text)} is not a valid time`, {
    subject: option.replace(/^--/, ''),
    remedy: 'Use 2026-01-31T00:00:00Z.',
  })
}
