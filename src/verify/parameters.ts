import { isObject, textOf, type JsonObject, type JsonValue } from '../base/json.ts'
import { containerfileNames } from '../build/file-names.ts'
import { roles, type JournalEvent } from '../journal/event.ts'
import type { BuildRules } from './policy/build-schema.ts'
import { withoutDigest } from '../oci/reference.ts'

/** What a build was asked for, as its provenance or its event says. */
export interface Asked {
  parameters: JsonObject
  bases: { name: string; digest: string }[]
  source: { commit: JsonValue | undefined; clean: JsonValue | undefined }
}

/** Stands for any value where a policy names values of build arguments and caches. */
const any = '*'
const networks = ['none', 'default', 'host']

/**
 * TRUST §5.8: what a job asked its agent for and the policy does not name. A base that the same job built is judged by its own build.
 *
 * @param events the sealed events
 * @returns one line for each parameter; empty where all is as the policy says
 */
export function refusedParameters(asked: Asked, rules: BuildRules, events: readonly JournalEvent[]): string[] {
  return problems(asked, rules, events, [])
}

function problems(
  { parameters, bases, source }: Asked,
  rules: BuildRules,
  events: readonly JournalEvent[],
  way: readonly string[],
): string[] {
  const context = rules.context === undefined ? ['.'] : listOf(rules.context)
  const read = parameters['context']
  return [
    ...unlisted('prepare', parameters['prepare'], rules.prepare),
    ...(parameters['prepare'] === null ? [] : pathProblems(parameters['path'], rules.path ?? [])),
    ...argProblems(parameters['buildArgs'], rules['build-args'] ?? {}),
    ...unlisted('target', parameters['target'], rules.target),
    ...(context.includes(textOf(read)) ? [] : [`context is ${shown(read)}, not ${context.join(' or ')}`]),
    ...fileProblems(parameters, rules.file),
    ...networkProblem(parameters['network'], rules.network ?? 'none'),
    ...secretProblems(parameters['secrets'], rules.secrets ?? []),
    ...(rules.cache?.includes(any) === true ? [] : unlisted('cache', parameters['cache'], rules.cache)),
    ...basesPolicyProblem(parameters['basesPolicy'], rules['bases-policy']),
    ...bases.flatMap((base) => baseProblems(base, source, rules, events, way)),
  ]
}

/** Only what the policy names was looked at by anybody whom it trusts: a job can bring a bases policy of its own. */
function basesPolicyProblem(value: JsonValue | undefined, allowed: readonly string[] | undefined): string[] {
  if (allowed === undefined || allowed.includes(textOf(value))) return []
  if (value === undefined) return ['the bases passed no bases policy (`bases: golden`)']
  return [`the bases passed the bases policy ${shown(value)}, which the policy does not name`]
}

function listOf(value: string | readonly string[]): readonly string[] {
  return typeof value === 'string' ? [value] : value
}

/** A context may hold both names: without a word of the policy the job does not choose between them. */
function fileProblems(parameters: JsonObject, allowed: string | readonly string[] | undefined): string[] {
  const file = parameters['file']
  const files = allowed === undefined ? ownFiles(textOf(parameters['context'])) : listOf(allowed)
  if (!files.includes(textOf(file))) return [`file is ${shown(file)}, not ${files.join(' or ')}`]
  if (allowed !== undefined || parameters['fileByDefault'] === true) return []
  return [`file is ${shown(file)}, and a build takes another where none is named`]
}

/** The files that a build takes from its context where none is named. */
export function ownFiles(context: string): string[] {
  return containerfileNames.map((name) => (context === '.' ? name : `${context}/${name}`))
}

/** Something that may be null, which is always right; a member that is not there is not null. */
function unlisted(
  name: string,
  value: JsonValue | undefined,
  allowed: string | readonly string[] | undefined,
): string[] {
  if (value === null) return []
  if (typeof value !== 'string') return [`${name} is not told`]
  if (allowed !== undefined && listOf(allowed).includes(value)) return []
  return [
    `${name} is ${shown(value)}, ${allowed === undefined ? 'the policy names none' : 'which the policy does not name'}`,
  ]
}

function argProblems(
  value: JsonValue | undefined,
  allowed: Readonly<Record<string, string | readonly string[]>>,
): string[] {
  if (!isObject(value)) return ['build-args are not told']
  return Object.entries(value).flatMap(([name, given]) => {
    const values = Object.hasOwn(allowed, name) ? listOf(allowed[name] ?? []) : []
    return values.includes(any) || values.includes(textOf(given))
      ? []
      : [
          `the build argument ${name} is ${shown(given)}, ${values.length === 0 ? 'the policy names none' : 'which the policy does not name'}`,
        ]
  })
}

function networkProblem(value: JsonValue | undefined, most: string): string[] {
  const found = networks.indexOf(textOf(value))
  if (found < 0) return ['network is not told']
  return found <= networks.indexOf(most)
    ? []
    : [`foreign steps had the network ${textOf(value)}, the policy allows ${most}`]
}

function secretProblems(value: JsonValue | undefined, allowed: readonly string[]): string[] {
  if (!Array.isArray(value)) return ['secrets are not told']
  return value
    .filter((id) => !allowed.includes(textOf(id)))
    .map((id) => `the secret ${shown(id)} was given, which the policy does not name`)
}

/** Programs of these folders were `prepare`'s: whoever chose or could write them wrote the image. */
function pathProblems(value: JsonValue | undefined, allowed: readonly string[]): string[] {
  if (!Array.isArray(value)) return ['the path of prepare is not told']
  return value
    .filter((entry) => !allowed.includes(textOf(entry)))
    .map((entry) => `prepare took programs from ${shown(entry)}, a folder that the policy does not name`)
}

/** A layout lies in a folder of the job, where anybody could put one; its name is `localhost/FOLDER`. */
export function isLayoutName(name: string): boolean {
  return name.startsWith('localhost/')
}

function baseProblems(
  { name, digest }: Asked['bases'][number],
  source: Asked['source'],
  rules: BuildRules,
  events: readonly JournalEvent[],
  way: readonly string[],
): string[] {
  if (!isLayoutName(name)) return []
  if (rules.bases?.some((base) => base === name || base === digest || base === `${name}@${digest}`) === true) return []
  const builds = events.filter(
    (event) =>
      event.kind === 'build' && event.outputs.some((item) => item.role === roles.image && item.digest === digest),
  )
  if (builds.length === 0 || way.includes(digest))
    return [`the base ${name}@${digest} is of a folder of the job, and no build of this job made it`]
  const found = builds.map((event) => {
    const asked = askedOf(event)
    if (asked === null) return ['its build does not say what it was asked for']
    return [...sourceProblem(asked.source, source), ...problems(asked, rules, events, [...way, digest])]
  })
  // The same image by two builds: it is as good as the better of them.
  if (found.some((list) => list.length === 0)) return []
  return (found[0] ?? []).map((problem) => `the base ${name}, built in this job: ${problem}`)
}

function sourceProblem(base: Asked['source'], image: Asked['source']): string[] {
  if (base.commit !== image.commit)
    return [`its source is ${shown(base.commit)}, that of the image ${shown(image.commit)}`]
  return base.clean === true || image.clean !== true ? [] : ['its source was not clean']
}

/** What a `build` event says of itself; null for one that does not. */
export function askedOf(event: JournalEvent): Asked | null {
  const { parameters } = event.result
  if (!isObject(parameters)) return null
  const source = isObject(parameters['source']) ? parameters['source'] : {}
  return {
    parameters,
    bases: event.inputs.filter(({ role }) => role === roles.base).map(({ name, digest }) => ({ name, digest })),
    source: { commit: source['commit'], clean: source['clean'] },
  }
}

/** What provenance of our build type says; its resolved dependencies name the bases. */
export function askedByProvenance(predicate: JsonObject): Asked {
  const definition = object(predicate['buildDefinition'])
  const source = object(object(definition['internalParameters'])['source'])
  const dependencies = definition['resolvedDependencies']
  return {
    parameters: object(definition['externalParameters']),
    bases: (Array.isArray(dependencies) ? dependencies : [])
      .map(object)
      .filter((item) => item['name'] === 'base')
      .map((item) => ({
        name: withoutDigest(textOf(item['uri'])),
        digest: `sha256:${textOf(object(item['digest'])['sha256'])}`,
      })),
    source: { commit: source['commit'], clean: source['clean'] },
  }
}

function object(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {}
}

function shown(value: JsonValue | undefined): string {
  if (value === undefined) return 'not told'
  const text = JSON.stringify(value)
  return text.length > 120 ? `${text.slice(0, 120)}…` : text
}
