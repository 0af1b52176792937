import { readFile } from 'node:fs/promises'
import { isAbsolute, relative, resolve } from 'node:path'
import { InputError } from '../base/errors.ts'
import type { RawInputs } from './context.ts'
import type { Ports } from '../base/ports.ts'
import { useOneOf } from '../base/nearest.ts'

export interface RawInputOptions {
  /** Text of an input as it was given, or undefined. Repeated options of the command line arrive joined by newlines. */
  readonly given: (name: string) => string | undefined
  /** Defaults of action.yml. */
  readonly defaults: Readonly<Record<string, string>>
  readonly ports: Ports
  /** Folders that relative paths must stay in (workflow steps); null on the command line (INTERFACE §4). */
  readonly confine: readonly string[] | null
  /** How a reader names an input: `--image` or `image`. */
  readonly label: (name: string) => string
}

/** Inputs of one action, read in one way from steps, options and the root action. */
export function rawInputs(options: RawInputOptions): RawInputs {
  const text = (name: string): string => (options.given(name) ?? options.defaults[name] ?? '').trim()
  const invalid = (name: string, message: string, remedy: string): InputError =>
    new InputError('input-invalid', `${options.label(name)}: ${message}`, { subject: name, remedy })

  const path = (name: string, part?: string): string => {
    const value = part ?? text(name)
    const full = resolve(options.ports.roots.cwd, value)
    if (!isAbsolute(value) && options.confine !== null && !options.confine.some((root) => inside(root, full))) {
      throw invalid(name, `${value} leaves the workspace`, 'Give a path inside the workspace, or an absolute one.')
    }
    return full
  }

  return {
    text,
    path,
    required: (name) => {
      const value = text(name)
      if (value !== '') return value
      throw new InputError('input-missing', `${options.label(name)} is required`, {
        subject: name,
        remedy: `Give a value for ${options.label(name)}.`,
      })
    },
    list: (name, linesOnly = false) =>
      text(name)
        .split(linesOnly ? /\n/ : /[\n,]/)
        .map((item) => item.trim())
        .filter((item) => item !== ''),
    boolean: (name) => {
      const value = text(name).toLowerCase()
      if (value === 'true' || value === '') return value === 'true'
      if (value === 'false') return false
      throw invalid(name, `${value} is neither true nor false`, 'Write true or false.')
    },
    choice: (name, allowed) => {
      const value = text(name)
      const found = allowed.find((item) => item === value)
      if (found !== undefined) return found
      throw invalid(name, `${value === '' ? 'nothing' : value} is not one of the values`, useOneOf(value, allowed))
    },
    integer: (name, min, max) => {
      const value = text(name)
      const number = Number(value)
      if (/^\d{1,12}$/.test(value) && number >= min && number <= max) return number
      const whole = /^-?\d+$/.test(value)
      throw invalid(
        name,
        whole ? `${value} is not in ${min} to ${max}` : `${value === '' ? 'nothing' : value} is not a whole number`,
        `Give a number from ${min} to ${max}.`,
      )
    },
    secret: async (name) => (await readSecret(name, text(name), path, options))?.replace(lineBreak, '') ?? null,
    passwords: async (name) => {
      const exact = await readSecret(name, text(name), path, options)
      return exact === null ? [] : [...new Set([exact.replace(lineBreak, ''), exact])]
    },
  }
}

const lineBreak = /\r?\n$/

async function readSecret(
  name: string,
  value: string,
  path: (name: string) => string,
  options: RawInputOptions,
): Promise<string | null> {
  if (value === '') return null
  const secret = value.startsWith('env:') ? options.ports.env[value.slice(4)] : await fileText(path(name))
  if (secret === undefined) {
    // The value itself is not shown: it may be the secret, typed by mistake.
    throw new InputError(
      'input-invalid',
      `${options.label(name)} names neither a set environment variable nor a file`,
      {
        subject: name,
        remedy: 'Write env:NAME for an environment variable, or the path of a file. A literal secret is refused.',
      },
    )
  }
  options.ports.log.mask(secret.replace(lineBreak, ''))
  return secret
}

async function fileText(path: string): Promise<string | undefined> {
  return readFile(path, 'utf8').catch(() => undefined)
}

function inside(root: string, path: string): boolean {
  const rest = relative(root, path)
  return rest === '' || (!rest.startsWith('..') && !isAbsolute(rest))
}
