import { InputError } from '../../base/errors.ts'
import { logicalLines } from './lines.ts'

/** Every instruction of the Dockerfile reference; what a driver can do is its own matter. */
const known = [
  ...['ADD', 'ARG', 'CMD', 'COPY', 'ENTRYPOINT', 'ENV', 'EXPOSE', 'FROM', 'HEALTHCHECK', 'LABEL', 'MAINTAINER'],
  ...['ONBUILD', 'RUN', 'SHELL', 'STOPSIGNAL', 'USER', 'VOLUME', 'WORKDIR'],
] as const
export type InstructionName = (typeof known)[number]

const withFlags: readonly InstructionName[] = ['ADD', 'COPY', 'FROM', 'HEALTHCHECK', 'RUN']

export interface Instruction {
  name: InstructionName
  /** First line, from 1. */
  line: number
  /** `--name=value` before the arguments; `--name` alone has the value ''. */
  flags: { name: string; value: string }[]
  /** Everything after the flags, unexpanded. */
  rest: string
  /** The arguments when they are written as a JSON array of strings. */
  json: string[] | null
  heredoc: boolean
}

export interface Stage {
  /** Position, from 0; also its name where it has none. */
  index: number
  /** Lower-case name after AS, or null. */
  name: string | null
  /** Unexpanded text after FROM. */
  base: string
  platform: string | null
  line: number
  instructions: Instruction[]
}

export interface Containerfile {
  /** How messages call it: the path inside the context. */
  name: string
  escape: '\\' | '`'
  /** ARG instructions before the first FROM. */
  globalArgs: Instruction[]
  stages: Stage[]
}

/**
 * Parses a Containerfile into stages. Only the grammar is judged here, not what an instruction asks for.
 *
 * @throws InputError `file-invalid` with the line number
 */
export function parseContainerfile(source: string, name: string): Containerfile {
  const { escape, lines } = logicalLines(source, name)
  const result: Containerfile = { name, escape, globalArgs: [], stages: [] }
  for (const { line, text, heredoc } of lines) {
    const instruction = parseInstruction(text, line, heredoc, name)
    const stage = result.stages.at(-1)
    if (instruction.name === 'FROM') result.stages.push(parseFrom(instruction, result))
    else if (stage !== undefined) stage.instructions.push(instruction)
    else if (instruction.name === 'ARG') result.globalArgs.push(instruction)
    else throw invalid(name, line, `has ${instruction.name} before the first FROM`)
  }
  if (result.stages.length === 0) throw invalid(name, 0, 'has no FROM')
  return result
}

/** One instruction. @throws InputError `file-invalid` with the line number */
export function parseInstruction(text: string, line: number, heredoc: boolean, file: string): Instruction {
  const word = /^\S+/.exec(text)?.[0] ?? ''
  const name = known.find((item) => item === word.toUpperCase())
  if (name === undefined) throw invalid(file, line, `has an unknown instruction ${word}`)
  let rest = text.slice(word.length).trim()
  const flags: Instruction['flags'] = []
  while (withFlags.includes(name)) {
    const flag = /^--([a-z][a-z-]*)(?:=(\S*))?(?:\s+|$)/.exec(rest)
    if (flag === null) break
    flags.push({ name: flag[1] ?? '', value: flag[2] ?? '' })
    rest = rest.slice(flag[0].length)
  }
  if (rest === '') throw invalid(file, line, `has ${name} without arguments`)
  return { name, line, flags, rest, json: jsonStrings(rest), heredoc }
}

/** Docker takes what does not parse as a JSON array of strings for the shell form. */
export function jsonStrings(text: string): string[] | null {
  if (!text.startsWith('[')) return null
  try {
    const value: unknown = JSON.parse(text)
    return Array.isArray(value) && value.every((item) => typeof item === 'string') ? value : null
  } catch {
    return null
  }
}

function parseFrom(instruction: Instruction, file: Containerfile): Stage {
  const match = /^(\S+)(?:\s+AS\s+(\S+))?$/i.exec(instruction.rest)
  if (match === null) throw invalid(file.name, instruction.line, `has a FROM that is not "FROM IMAGE [AS NAME]"`)
  const name = match[2]?.toLowerCase() ?? null
  if (name !== null && !/^[a-z][a-z0-9-_.]*$/.test(name)) {
    throw invalid(file.name, instruction.line, `has a stage name that is not allowed: ${name}`)
  }
  if (name !== null && file.stages.some((stage) => stage.name === name)) {
    throw invalid(file.name, instruction.line, `names a second stage ${name}`)
  }
  const platform = instruction.flags.find((flag) => flag.name === 'platform')?.value ?? null
  const other = instruction.flags.find((flag) => flag.name !== 'platform')
  if (other !== undefined) throw invalid(file.name, instruction.line, `has FROM with an unknown flag --${other.name}`)
  const { line } = instruction
  return { index: file.stages.length, name, base: match[1] ?? '', platform, line, instructions: [] }
}

function invalid(name: string, line: number, why: string): InputError {
  return new InputError('file-invalid', line === 0 ? `${name} ${why}` : `line ${line} of ${name} ${why}`, {
    subject: line === 0 ? name : `${name}:${line}`,
  })
}
