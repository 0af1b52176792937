import { SealwrightError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonValue } from '../../base/json.ts'
import { tokens, type Token } from '../../kbs/rego/tokens.ts'
import { agentPolicy } from './write.ts'

/** Requests by which a host runs other code in a guest, reads from it, or takes the policy away; each with the word that accepts it. */
const dangerous: Readonly<Record<string, AgentPolicyWord>> = {
  AllowRequestsFailingPolicy: 'failing-requests',
  CopyFileRequest: 'copy-file',
  CreateContainerRequest: 'create-container',
  ExecProcessRequest: 'exec',
  ReadStreamRequest: 'read-stream',
  SetPolicyRequest: 'set-policy',
  UpdateEphemeralMountsRequest: 'ephemeral-mounts',
  WriteStreamRequest: 'write-stream',
}

/** What a user may accept of a policy, by name. */
export const agentPolicyWords = [
  'copy-file',
  'create-container',
  'ephemeral-mounts',
  'exec',
  'failing-requests',
  'read-stream',
  'set-policy',
  'unbound-image',
  'write-stream',
] as const
export type AgentPolicyWord = (typeof agentPolicyWords)[number]

export interface AgentPolicyProblem {
  /** Null for what nobody can accept. */
  readonly accept: AgentPolicyWord | null
  /** A sentence. */
  readonly what: string
}

/**
 * What is plainly wrong with a policy for Kata's agent, ours or genpolicy's. A policy that we write is known byte by byte. Of any other one this is
 * a reading of rules and of `policy_data`, no proof: a policy without a finding can still be too wide.
 *
 * @param image `HOST/NAME@sha256:…` that the policy must be about; null where that is not known
 */
export function agentPolicyProblems(text: string, image: string | null): AgentPolicyProblem[] {
  let list: Token[]
  try {
    list = tokens(text)
  } catch (error) {
    if (!(error instanceof SealwrightError)) throw error
    return [{ accept: null, what: 'It cannot be read as Rego.' }]
  }
  const lines = linesOf(list)
  if (lines.find(([first]) => first?.text === 'package')?.[1]?.text !== 'agent_policy')
    return [{ accept: null, what: 'Its package is not agent_policy: the agent finds no rule in it.' }]
  const data = policyData(text)
  if (data === undefined) return [{ accept: null, what: 'Its policy_data cannot be read.' }]
  const open = new Map<string, string>()
  for (const name of Object.keys(dangerous)) {
    if (lines.some((line) => isAlways(line, name))) open.set(name, `It always allows ${name}.`)
    else {
      const why = allowedByData(name, data)
      if (why !== null) open.set(name, `It allows ${name}: ${why}.`)
    }
  }
  const found = [...open].map(([name, what]): AgentPolicyProblem => ({ accept: dangerous[name] ?? null, what }))
  const unbound = image === null || open.has('CreateContainerRequest') ? null : bindingFault(text, list, lines, image)
  return unbound === null ? found : [...found, { accept: 'unbound-image', what: unbound }]
}

function linesOf(list: readonly Token[]): Token[][] {
  const lines: Token[][] = [[]]
  for (const token of list) {
    if (token.kind === 'line' || token.text === ';') lines.push([])
    else lines.at(-1)?.push(token)
  }
  return lines.filter((line) => line.length > 0)
}

const always = /^(:?= true|(:?= true )?(if )?(true|\{ true \})|(:?= true )?if true)$/

/** `NAME := true` and each way to write a rule without a condition. */
function isAlways(line: readonly Token[], name: string): boolean {
  const words = line.filter(({ kind }) => kind !== 'end').map(({ text }) => text)
  if (words[0] === 'default') words.shift()
  return words[0] === name && always.test(words.slice(1).join(' '))
}

/** What genpolicy puts behind its rules; null where a policy has none, undefined where it cannot be read. */
function policyData(text: string): JsonValue | undefined {
  const [, json] = /^policy_data[ \t]*:?=[ \t]*(\{[^]*)$/m.exec(text) ?? []
  if (json === undefined) return /^[^#\n]*\bpolicy_data[ \t]*:?=/m.test(text) ? undefined : null
  try {
    return parseJson(json.trim(), 'policy_data')
  } catch (error) {
    if (error instanceof SealwrightError) return undefined
    throw error
  }
}

function allowedByData(name: string, data: JsonValue): string | null {
  if (!isObject(data)) return null
  const requests = isObject(data['request_defaults']) ? data['request_defaults'] : {}
  const value = requests[name]
  if (value === true) return 'request_defaults says true'
  if (name !== 'ExecProcessRequest') return null
  const lists = isObject(value) ? Object.entries(value) : []
  for (const [member, list] of lists)
    if (Array.isArray(list) && list.length > 0) return `request_defaults names commands in "${member}"`
  const containers = Array.isArray(data['containers']) ? data['containers'] : []
  const hasProbe = containers.some((one) => {
    const commands = isObject(one) ? one['exec_commands'] : undefined
    return Array.isArray(commands) && commands.length > 0
  })
  return hasProbe ? 'a container has commands that the host may run (probes, lifecycle hooks)' : null
}

function bindingFault(
  text: string,
  list: readonly Token[],
  lines: readonly (readonly Token[])[],
  image: string,
): string | null {
  const digest = image.slice(image.indexOf('@') + 1)
  const names = list.some(({ kind, text: word }) => kind === 'string' && word.includes(digest))
  if (!names) return `It does not name ${digest}: the host decides which image runs.`
  const ours = ownRequest(text)
  if (ours !== null) return ours === image ? null : `It is written for ${ours}, and the pod names ${image}.`
  // genpolicy of August 2026 compares each member of such a storage but the one that names the image.
  const pulls = rulesOf(lines).filter((rule) => rule.some((line) => isPull(line)))
  if (pulls.length > 0 && pulls.every((rule) => rule.some((line) => comparesSource(line)))) return null
  return 'It names the digest, but the rule for images that the guest pulls does not compare their source: the host decides which image runs.'
}

/** The image of a policy that {@link agentPolicy} wrote, byte for byte; null for any other text. */
function ownRequest(text: string): string | null {
  const value = (form: RegExp): JsonValue => {
    const [, json] = form.exec(text) ?? []
    return json === undefined ? null : parseJson(json, 'policy')
  }
  try {
    const image = value(/^image := (.*)$/m)
    const args = value(/^process_args := (.*)$/m)
    const env = value(/^process_env := (.*)$/m)
    const cwd = value(/^ {2}process\.Cwd == (.*)$/m)
    const uid = Number(value(/^ {2}process\.User\.UID == (\d+)$/m))
    const gid = Number(value(/^ {2}process\.User\.GID == (\d+)$/m))
    if (typeof image !== 'string' || typeof cwd !== 'string' || !isTexts(args) || !isTexts(env)) return null
    const readonly = value(/^ {2}input\.OCI\.Root\.Readonly == (true|false)$/m) === true
    const logs = value(/^default ReadStreamRequest := (true|false)$/m) === true
    return agentPolicy({ image, args, env, cwd, uid, gid, readonly, logs }) === text ? image : null
  } catch (error) {
    if (error instanceof SealwrightError) return null
    throw error
  }
}

function isTexts(value: JsonValue): value is string[] {
  return Array.isArray(value) && value.every((one) => typeof one === 'string')
}

/** Lines of each rule: one begins where a name stands in the first column. */
function rulesOf(lines: readonly (readonly Token[])[]): (readonly Token[])[][] {
  const rules: (readonly Token[])[][] = []
  for (const line of lines) {
    if (line[0]?.kind === 'name' && line[0].column === 1) rules.push([])
    rules.at(-1)?.push(line)
  }
  return rules
}

/** A statement of its own: `storage.driver == "image_guest_pull"`. */
function isPull(line: readonly Token[]): boolean {
  const words = line.map(({ text }) => text)
  return words[0] !== 'print' && words.at(-1) === '"image_guest_pull"' && words.at(-3) === 'driver'
}

function comparesSource(line: readonly Token[]): boolean {
  return line[0]?.text !== 'print' && line.some(({ text }, at) => text === 'source' && line[at - 1]?.text === '.')
}
