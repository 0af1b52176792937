import { parseArgs, type ParseArgsConfig } from 'node:util'
import { InputError } from '../base/errors.ts'
import { nearest } from '../base/nearest.ts'

/** Options that every command takes. */
export const common = {
  json: { type: 'boolean' },
  help: { type: 'boolean', short: 'h' },
  verbose: { type: 'boolean' },
  state: { type: 'string' },
  'registries-conf': { type: 'string' },
} as const

export interface ParsedOptions {
  values: Record<string, string>
  json: boolean
  help: boolean
  verbose: boolean
  state: string | undefined
  /** A registries.conf to read; without it none is. */
  registriesConf: string | undefined
}

/**
 * Options of one command. A repeated option is a list, joined by newlines, as a step's input would be (INTERFACE §3).
 *
 * @param positional options that may be given as words without a name, in this order
 * @param flags options without a value; where one is given its value is `true`
 * @throws InputError `input-invalid` for an unknown option or a stray word
 */
export function parseOptions(
  command: string,
  names: readonly string[],
  args: readonly string[],
  positional?: string | readonly string[],
  flags: readonly string[] = [],
): ParsedOptions {
  const options: NonNullable<ParseArgsConfig['options']> = { ...common }
  for (const name of names)
    options[name] = flags.includes(name) ? { type: 'boolean' } : { type: 'string', multiple: true }
  let parsed: ReturnType<typeof parseArgs>
  try {
    parsed = parseArgs({ args: [...args], options, strict: true, allowPositionals: positional !== undefined })
  } catch (cause) {
    throw new InputError(
      'input-invalid',
      cause instanceof Error ? (cause.message.split('. ')[0] ?? '') : String(cause),
      {
        subject: command,
        cause,
        remedy: `${meant(cause, Object.keys(options))}Run "sealwright ${command} --help" for the options.`,
      },
    )
  }
  const values: Record<string, string> = {}
  for (const name of names) {
    const given = parsed.values[name]
    if (Array.isArray(given)) values[name] = given.join('\n')
    else if (given === true) values[name] = 'true'
  }
  const places = typeof positional === 'string' ? [positional] : (positional ?? [])
  for (const [i, word] of parsed.positionals.entries()) {
    const name = places[i]
    if (name === undefined || values[name] !== undefined) {
      throw new InputError('input-invalid', `"${word}" is one word too many`, {
        subject: command,
        remedy: `Run "sealwright ${command} --help" for the options.`,
      })
    }
    values[name] = word
  }
  const { json, help, verbose, state, 'registries-conf': registriesConf } = parsed.values
  return {
    values,
    json: json === true,
    help: help === true,
    verbose: verbose === true,
    state: typeof state === 'string' ? state : undefined,
    registriesConf: typeof registriesConf === 'string' ? registriesConf : undefined,
  }
}

/** `Did you mean --image? ` where an unknown option is near to a known one, else nothing. */
function meant(cause: unknown, known: readonly string[]): string {
  const typed = /^Unknown option '--([^']+)'/.exec(cause instanceof Error ? cause.message : '')?.[1]
  const name = typed === undefined ? null : nearest(typed, known)
  return name === null ? '' : `Did you mean --${name}? `
}
