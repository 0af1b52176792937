import { InputError } from '../../base/errors.ts'
import type { ImageConfig } from '../../image/types.ts'
import type { Instruction } from '../containerfile/parse.ts'
import { splitWords } from '../containerfile/words.ts'
import { healthcheck } from './healthcheck.ts'

export type RunConfig = NonNullable<ImageConfig['config']>

/** The part of a stage that instructions without files change. */
export interface ConfigState {
  config: RunConfig
  /** CMD was set in this stage: ENTRYPOINT then keeps it. */
  cmdSet: boolean
}

export interface ConfigTools {
  /** Resolves quotes and variables of one word or text. */
  expand(text: string): string
  escape: string
  where: string
}

/** Absolute working directory after `WORKDIR text`. */
export function nextWorkdir(current: string | undefined, text: string): string {
  const parts: string[] = []
  for (const part of (text.startsWith('/') ? text : `${current ?? '/'}/${text}`).split('/')) {
    if (part === '' || part === '.') continue
    if (part === '..') parts.pop()
    else parts.push(part)
  }
  return `/${parts.join('/')}`
}

/** @returns false where the instruction is none of those that only change the configuration */
export function applyConfig(instruction: Instruction, state: ConfigState, tools: ConfigTools): boolean {
  const { config } = state
  const { name, rest, json } = instruction
  switch (name) {
    case 'ENV':
      for (const [key, value] of pairs(rest, tools)) config.Env = withEnv(config.Env ?? [], key, value)
      return true
    case 'LABEL':
      for (const [key, value] of pairs(rest, tools)) config.Labels = { ...config.Labels, [key]: value }
      return true
    case 'USER':
      config.User = tools.expand(rest)
      return true
    case 'CMD':
      config.Cmd = json ?? shellForm(config, rest)
      state.cmdSet = true
      return true
    case 'ENTRYPOINT':
      config.Entrypoint = json ?? shellForm(config, rest)
      // The base's arguments were for the base's program.
      if (!state.cmdSet) delete config.Cmd
      return true
    case 'EXPOSE':
      for (const port of splitWords(rest, tools.escape).flatMap((word) => ports(tools.expand(word), tools.where))) {
        config.ExposedPorts = { ...config.ExposedPorts, [port]: {} }
      }
      return true
    case 'VOLUME':
      for (const path of json ?? splitWords(rest, tools.escape)) {
        config.Volumes = { ...config.Volumes, [tools.expand(path)]: {} }
      }
      return true
    case 'STOPSIGNAL':
      config.StopSignal = tools.expand(rest)
      return true
    case 'SHELL':
      if (json === null || json.length === 0)
        throw invalid(tools, 'SHELL takes a JSON array of strings, such as ["/bin/sh", "-c"]')
      config.Shell = json
      return true
    case 'HEALTHCHECK':
      config.Healthcheck = healthcheck(instruction, (why) => invalid(tools, why))
      return true
    case 'ONBUILD':
      config.OnBuild = [...(config.OnBuild ?? []), trigger(rest, tools)]
      return true
    default:
      return false
  }
}

/** By the program of SHELL, which a base image may have set. */
function shellForm({ Shell = [] }: RunConfig, text: string): string[] {
  return [...(Shell.length > 0 ? Shell : ['/bin/sh', '-c']), text]
}

/** What a build on this image does first. @throws InputError `file-invalid` */
function trigger(text: string, tools: ConfigTools): string {
  const name = /^\S+/.exec(text)?.[0].toUpperCase() ?? ''
  if (['ONBUILD', 'FROM', 'MAINTAINER'].includes(name)) throw invalid(tools, `${name} cannot be an ONBUILD trigger`)
  return text
}

function withEnv(env: readonly string[], key: string, value: string): string[] {
  const line = `${key}=${value}`
  const index = env.findIndex((item) => item.startsWith(`${key}=`))
  return index < 0 ? [...env, line] : env.with(index, line)
}

/** `key=value …`, or the old form `key rest of the line`. Variables have the values from before the line. */
function pairs(rest: string, tools: ConfigTools): [string, string][] {
  const words = splitWords(rest, tools.escape)
  if (words[0]?.includes('=') !== true) {
    const match = /^(\S+)\s+(.+)$/s.exec(rest)
    if (match === null) throw invalid(tools, `${rest} has no value`)
    return [[tools.expand(match[1] ?? ''), tools.expand(match[2] ?? '')]]
  }
  return words.map((word) => {
    const equals = word.indexOf('=')
    const key = equals < 1 ? '' : tools.expand(word.slice(0, equals))
    if (key === '') throw invalid(tools, `${word} is not name=value`)
    return [key, tools.expand(word.slice(equals + 1))]
  })
}

function ports(text: string, where: string): string[] {
  const match = /^(\d{1,5})(?:-(\d{1,5}))?(?:\/(tcp|udp|sctp))?$/i.exec(text)
  const first = Number(match?.[1])
  const last = Number(match?.[2] ?? match?.[1])
  if (match === null || first < 1 || last > 65_535 || last < first) throw invalid({ where }, `${text} is no port`)
  const protocol = match[3]?.toLowerCase() ?? 'tcp'
  return Array.from({ length: last - first + 1 }, (_item, i) => `${first + i}/${protocol}`)
}

function invalid(tools: { where: string }, why: string): InputError {
  return new InputError('file-invalid', `${tools.where}: ${why}`, { subject: tools.where })
}
