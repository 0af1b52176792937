import { InputError } from '../../base/errors.ts'
import type { Platform } from '../../oci/types.ts'
import type { Containerfile, Instruction, Stage } from './parse.ts'
import { expand, splitWords, type Lookup } from './words.ts'
import { useOneOf } from '../../base/nearest.ts'

/** A stage that is needed for the target, with its base resolved to an earlier stage, nothing, or an image's name. */
export interface PlannedStage {
  stage: Stage
  base: { kind: 'scratch' } | { kind: 'stage'; index: number } | { kind: 'image'; name: string }
}

export interface Plan {
  file: Containerfile
  /** In order; only those that the target needs. The last one is the target. */
  stages: PlannedStage[]
  /** Global arguments after defaults and build arguments. */
  globals: ReadonlyMap<string, string>
  buildArgs: Readonly<Record<string, string>>
  /** Names of build arguments that some ARG takes. */
  consumed: ReadonlySet<string>
  /** Image names in COPY --from of needed stages that are no stages. */
  copiedImages: { name: string; line: number }[]
}

export function hasInstruction(plan: Plan, name: Instruction['name']): boolean {
  return plan.stages.some(({ stage }) => stage.instructions.some((instruction) => instruction.name === name))
}

/**
 * Works out global arguments, bases and the stages that `target` (a stage's name or number; null is the last one) needs.
 *
 * @throws InputError `file-invalid`, `not-found`
 */
export function planBuild(
  file: Containerfile,
  options: { target: string | null; buildArgs: Readonly<Record<string, string>>; platform: Platform; epoch: number },
): Plan {
  const automatic = automaticArgs(options.platform, options.epoch)
  const globals = new Map<string, string>()
  const lookup: Lookup = (name) => globals.get(name) ?? automatic[name]
  const consumed = new Set<string>()
  for (const arg of file.globalArgs) {
    for (const { name, fallback } of argNames(arg, file)) {
      if (Object.hasOwn(options.buildArgs, name)) consumed.add(name)
      const given = consumed.has(name) ? options.buildArgs[name] : undefined
      const value = given ?? (fallback === null ? automatic[name] : at(file, arg, fallback, lookup))
      if (value !== undefined) globals.set(name, value)
    }
  }
  const planned = file.stages.map((stage): PlannedStage => ({ stage, base: baseOf(file, stage, lookup) }))
  const last = findTarget(file, options.target)
  const copiedImages: Plan['copiedImages'] = []
  const needed = new Set<number>()
  const visit = (index: number): void => {
    const item = planned[index]
    if (item === undefined || needed.has(index)) return
    needed.add(index)
    if (item.base.kind === 'stage') visit(item.base.index)
    for (const instruction of item.stage.instructions) {
      if (instruction.name === 'ARG') {
        for (const { name } of argNames(instruction, file))
          if (Object.hasOwn(options.buildArgs, name)) consumed.add(name)
      }
      for (const name of mountSources(instruction)) {
        const stage = findStage(file, name, index)
        if (stage === null) throw unnamedMount(file, instruction, name)
        visit(stage)
      }
      const from = instruction.flags.find((flag) => flag.name === 'from')?.value
      if (from === undefined) continue
      const stage = findStage(file, from, index)
      if (stage === null) copiedImages.push({ name: from, line: instruction.line })
      else visit(stage)
    }
  }
  visit(last)
  return {
    file,
    stages: planned.filter((_item, index) => needed.has(index)),
    globals: new Map([...Object.entries(automatic), ...globals]),
    buildArgs: options.buildArgs,
    consumed,
    copiedImages,
  }
}

/** Names (and unexpanded defaults) of one ARG instruction. */
export function argNames(instruction: Instruction, file: Containerfile): { name: string; fallback: string | null }[] {
  return splitWords(instruction.rest, file.escape).map((word) => {
    const equals = word.indexOf('=')
    const name = equals < 0 ? word : word.slice(0, equals)
    if (!/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) {
      throw new InputError('file-invalid', `line ${instruction.line} of ${file.name} has a bad ARG name: ${name}`, {
        subject: `${file.name}:${instruction.line}`,
      })
    }
    return { name, fallback: equals < 0 ? null : word.slice(equals + 1) }
  })
}

/** Index of a stage before `before`, by name or number; null where there is none. */
export function findStage(file: Containerfile, name: string, before: number): number | null {
  const index = file.stages.findIndex((stage) => stage.name === name.toLowerCase())
  if (index >= 0 && index < before) return index
  return /^\d+$/.test(name) && Number(name) < before ? Number(name) : null
}

/** Stages (or images) that `RUN --mount=…,from=NAME` reads. */
function mountSources(instruction: Instruction): string[] {
  if (instruction.name !== 'RUN') return []
  return instruction.flags
    .filter(({ name }) => name === 'mount')
    .flatMap(({ value }) => value.split(','))
    .filter((part) => part.startsWith('from='))
    .map((part) => part.slice('from='.length))
}

/** An image that only a mount names would be an input that no record shows. */
function unnamedMount(file: Containerfile, { line }: Instruction, name: string): InputError {
  return new InputError('unsupported', `line ${line} of ${file.name} mounts from ${name}, which is no earlier stage`, {
    subject: `${file.name}:${line}`,
    remedy: `Give it a stage of its own: FROM ${name}@sha256:… AS NAME, then from=NAME.`,
  })
}

function at(file: Containerfile, instruction: { line: number }, text: string, lookup: Lookup): string {
  return expand(text, lookup, file.escape, `line ${instruction.line} of ${file.name}`)
}

function baseOf(file: Containerfile, stage: Stage, lookup: Lookup): PlannedStage['base'] {
  const name = at(file, stage, stage.base, lookup)
  if (name === '') {
    throw new InputError('file-invalid', `line ${stage.line} of ${file.name}: FROM ${stage.base} names nothing`, {
      subject: `${file.name}:${stage.line}`,
      remedy: 'Give the build argument that it is made of.',
    })
  }
  if (name === 'scratch') return { kind: 'scratch' }
  // A number is an image's name here: FROM knows stages by name only.
  const index = file.stages.findIndex((other) => other.name === name.toLowerCase() && other.index < stage.index)
  return index >= 0 ? { kind: 'stage', index } : { kind: 'image', name }
}

function findTarget(file: Containerfile, target: string | null): number {
  if (target === null) return file.stages.length - 1
  const index = findStage(file, target, file.stages.length)
  if (index !== null) return index
  const names = file.stages.map((stage) => stage.name ?? String(stage.index))
  throw new InputError('not-found', `${file.name} has no stage ${target}`, {
    subject: 'target',
    remedy: useOneOf(target, names),
  })
}

/** What BuildKit defines by itself; in a stage these need an ARG line as any other. */
function automaticArgs(platform: Platform, epoch: number): Record<string, string> {
  const name = [platform.os, platform.architecture, platform.variant].filter((part) => part !== undefined).join('/')
  const set = (prefix: string): Record<string, string> => ({
    [`${prefix}PLATFORM`]: name,
    [`${prefix}OS`]: platform.os,
    [`${prefix}ARCH`]: platform.architecture,
    [`${prefix}VARIANT`]: platform.variant ?? '',
  })
  return { ...set('TARGET'), ...set('BUILD'), SOURCE_DATE_EPOCH: String(epoch) }
}
