import { isObject, textOf, type JsonObject, type JsonValue } from '../base/json.ts'
import { buildType, type SbomKind, type StatementKind } from '../statement/types.ts'
import type { Gate } from './candidate.ts'
import { requiredKinds } from './required.ts'
import type { Claim } from './statements.ts'

/**
 * Whether a statement is another tool's: provenance of another build type, or an SBOM that does not name the image configuration as ours does.
 * One key may sign what many tools write; what the policy does not ask for and we cannot compare is told and refuses nothing.
 */
export function isForeign({ kind, statement }: Pick<Claim, 'kind' | 'statement'>): boolean {
  const { predicate } = statement
  switch (kind) {
    case 'provenance': {
      const definition = predicate['buildDefinition']
      return !isObject(definition) || definition['buildType'] !== buildType
    }
    case 'spdx':
    case 'spdx3':
    case 'cyclonedx':
      return !ownSbom(kind, predicate)
    default:
      return false
  }
}

/** By what only our engine writes: of which image configuration the document is. One that claims it and differs is compared and refused. */
function ownSbom(kind: SbomKind, predicate: JsonObject): boolean {
  if (kind === 'cyclonedx') {
    const { metadata } = predicate
    const properties = isObject(metadata) ? metadata['properties'] : undefined
    return listOf(properties).some((item) => isObject(item) && item['name'] === 'sealwright:image:config-digest')
  }
  if (kind === 'spdx3') {
    return listOf(predicate['@graph']).some(
      (item) => isObject(item) && textOf(item['statement']).startsWith('sealwright:image:config-digest='),
    )
  }
  return listOf(predicate['packages'])
    .flatMap((item) => (isObject(item) ? listOf(item['externalRefs']) : []))
    .some((ref) => isObject(ref) && ref['referenceType'] === 'https://sealwright.dev/ref/config-digest')
}

function listOf(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : []
}

/**
 * Statements of some kinds that are judged: those of our form; foreign ones only where the policy asks for the kind and nothing of our form
 * stands for it.
 */
export function countedClaims(
  gate: Pick<Gate, 'mine' | 'policy' | 'subject'>,
  kinds: readonly StatementKind[],
): { claims: Claim[]; foreign: Claim[] } {
  const all = gate.mine.filter(({ kind }) => kind !== null && kinds.includes(kind))
  const own = all.filter((claim) => !isForeign(claim))
  const foreign = all.filter((claim) => !own.includes(claim))
  const wanted = requiredKinds(gate).some((list) => list.some((kind) => kinds.includes(kind)))
  return own.length === 0 && wanted ? { claims: foreign, foreign: [] } : { claims: own, foreign }
}

/** For the end of a sentence: what was seen and not compared. */
export function notCompared(foreign: readonly Claim[]): string {
  if (foreign.length === 0) return ''
  return ` (${foreign.map(({ kind }) => kind ?? 'other').join(', ')} of another tool: not asked for, not compared)`
}
