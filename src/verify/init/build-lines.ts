import { isObject, textOf, type JsonValue } from '../../base/json.ts'
import { parseJournal, roles, stepsIsolations, type JournalEvent, type StepsIsolation } from '../../journal/event.ts'
import type { Evidence } from '../evidence.ts'
import { askedByProvenance, askedOf, isLayoutName, ownFiles, type Asked } from '../parameters.ts'
import type { Claim } from '../statements.ts'

/**
 * Section `build` for what an image was asked for, line by line; empty where it was asked for nothing. What the next job asks beside it is
 * refused.
 *
 * @param provenance statements of our build type that count
 */
export function buildLines(provenance: readonly Claim[], events: readonly JournalEvent[]): string[] {
  const all = withBases(
    provenance.map(({ statement }) => askedByProvenance(statement.predicate)),
    events,
  )
  const texts = (name: string): string[] => unique(all.map(({ parameters }) => parameters[name]).filter(isText))
  const contexts = texts('context')
  const named: [string, string[]][] = [
    ['prepare', texts('prepare')],
    ['path', unique(all.flatMap(({ parameters }) => listOf(parameters['path'])).map(textOf))],
    ['target', texts('target')],
    ['context', contexts.some((path) => path !== '.') ? contexts : []],
    ['file', all.every(hasOwnFile) ? [] : texts('file')],
    ['secrets', unique(all.flatMap(({ parameters }) => listOf(parameters['secrets'])).map(textOf))],
    ['cache', texts('cache')],
    [
      'bases',
      unique(all.flatMap(({ bases }) => bases.filter((base) => isStray(base, events)).map(({ name }) => name))),
    ],
  ]
  const args = argLines(all)
  const networks = texts('network')
  const network = networks.includes('host') ? 'host' : networks.includes('default') ? 'default' : null
  const lines = [
    // A JSON string is a YAML string: no value can add a line.
    ...named.filter(([, values]) => values.length > 0).map(([name, values]) => `  ${name}: ${JSON.stringify(values)}`),
    ...(args.length === 0 ? [] : ['  build-args:', ...args]),
    ...(network === null ? [] : [`  network: ${network}`]),
  ]
  return lines.length === 0
    ? []
    : ['build:  # what the first image was asked for; what is not named is refused', ...lines]
}

/** The builds of bases that the same job made belong to it. */
function withBases(first: readonly Asked[], events: readonly JournalEvent[]): Asked[] {
  const all = [...first]
  const seen = new Set<string>()
  for (let n = 0; n < all.length; n += 1) {
    for (const { name, digest } of all[n]?.bases ?? []) {
      if (!isLayoutName(name) || seen.has(digest)) continue
      seen.add(digest)
      all.push(...buildsOf(digest, events).flatMap((event) => askedOf(event) ?? []))
    }
  }
  return all
}

function buildsOf(digest: string, events: readonly JournalEvent[]): JournalEvent[] {
  return events.filter(
    (event) =>
      event.kind === 'build' && event.outputs.some((item) => item.role === roles.image && item.digest === digest),
  )
}

function isStray({ name, digest }: Asked['bases'][number], events: readonly JournalEvent[]): boolean {
  return isLayoutName(name) && buildsOf(digest, events).length === 0
}

function hasOwnFile({ parameters }: Asked): boolean {
  return (
    parameters['fileByDefault'] === true && ownFiles(textOf(parameters['context'])).includes(textOf(parameters['file']))
  )
}

function argLines(all: readonly Asked[]): string[] {
  const args = new Map<string, string[]>()
  for (const { parameters } of all)
    for (const [name, value] of Object.entries(isObject(parameters['buildArgs']) ? parameters['buildArgs'] : {}))
      args.set(name, unique([...(args.get(name) ?? []), textOf(value)]))
  return [...args].map(([name, values]) => `    ${JSON.stringify(name)}: ${JSON.stringify(values)}`)
}

function isText(value: JsonValue | undefined): value is string {
  return typeof value === 'string'
}

function listOf(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : []
}

function unique(values: readonly string[]): string[] {
  return [...new Set(values)]
}

/** Events of a journal that the gate judges afterwards; none where it cannot be read. */
export function journalOf(evidence: Evidence | null): JournalEvent[] {
  return evidence === null ? [] : parseJournal(evidence.journal)
}

/** The weakest isolation of foreign steps in a journal: what `accept-steps-isolation` has to name. */
export function weakestSteps(events: readonly JournalEvent[]): StepsIsolation {
  const rank = (steps: StepsIsolation): number => stepsIsolations.indexOf(steps)
  return events
    .filter(({ kind, performer }) => kind !== 'job' && kind !== 'statement' && performer === 'agent')
    .reduce<StepsIsolation>((a, { isolation: { steps } }) => (rank(steps) > rank(a) ? steps : a), 'sandbox')
}
