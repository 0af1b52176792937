import type { HealthConfig } from '../../image/types.ts'
import { jsonStrings, type Instruction } from '../containerfile/parse.ts'

const durations = {
  interval: 'Interval',
  timeout: 'Timeout',
  'start-period': 'StartPeriod',
  'start-interval': 'StartInterval',
} as const

/**
 * `HEALTHCHECK` as BuildKit reads it: `NONE`, or options and `CMD` with a JSON array or text for the shell.
 *
 * @param error makes the error of this line
 */
export function healthcheck({ flags, rest }: Instruction, error: (why: string) => Error): HealthConfig {
  const [, kind = '', text = ''] = /^(\S+)\s*(.*)$/s.exec(rest) ?? []
  const result: HealthConfig = { Test: test(kind.toUpperCase(), text, flags.length, error) }
  for (const { name, value } of flags) {
    const member = isDuration(name) ? durations[name] : undefined
    if (member !== undefined) {
      const length = nanoseconds(value)
      if (length === null || (length !== 0 && length < 1e6))
        throw error(`HEALTHCHECK --${name}=${value} is no time of 1ms or more`)
      if (length > 0) result[member] = length
    } else if (name === 'retries') {
      if (!/^[0-9]{1,9}$/.test(value)) throw error(`HEALTHCHECK --retries=${value} is no number`)
      if (Number(value) > 0) result.Retries = Number(value)
    } else throw error(`HEALTHCHECK has no option --${name}`)
  }
  return result
}

function isDuration(name: string): name is keyof typeof durations {
  return Object.hasOwn(durations, name)
}

function test(kind: string, text: string, options: number, error: (why: string) => Error): string[] {
  if (kind === 'NONE') {
    if (text !== '' || options > 0) throw error('HEALTHCHECK NONE takes neither options nor arguments')
    return ['NONE']
  }
  if (kind !== 'CMD') throw error(`HEALTHCHECK takes CMD or NONE, not ${kind}`)
  if (text === '') throw error('HEALTHCHECK CMD needs a command')
  const json = jsonStrings(text)
  if (json?.length === 0) throw error('HEALTHCHECK CMD needs a command')
  return json === null ? ['CMD-SHELL', text] : ['CMD', ...json]
}

const units: Readonly<Record<string, number>> = {
  ns: 1,
  us: 1e3,
  µs: 1e3,
  μs: 1e3,
  ms: 1e6,
  s: 1e9,
  m: 60e9,
  h: 3600e9,
}

/** A duration of Go's `time.ParseDuration`, such as `1m30s`; null where it is none or negative. */
function nanoseconds(text: string): number | null {
  if (text === '0') return 0
  if (!/^(?:(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:ns|us|µs|μs|ms|s|m|h))+$/.test(text)) return null
  let sum = 0
  for (const [, number = '', unit = ''] of text.matchAll(/([0-9.]+)(ns|us|µs|μs|ms|s|m|h)/g)) {
    sum += Math.trunc(Number(number) * (units[unit] ?? 0))
  }
  return sum
}
