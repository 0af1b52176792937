import { isObject, textOf, type JsonObject, type JsonValue } from '../base/json.ts'
import type { Claim } from './statements.ts'

const gitId = /^[0-9a-f]{40}(?:[0-9a-f]{24})?$/

/**
 * The commit from which a publisher's provenance says that the image was built; null where it names none, or several of which none is told to be the
 * source. Read are our own form, SLSA 1.0 (`resolvedDependencies[].digest.gitCommit`, that of `externalParameters.workflow.repository` where it is named, as
 * GitHub writes both) and 0.2 (`invocation.configSource.digest.sha1`).
 */
export function sourceCommit({ statement: { predicate } }: Pick<Claim, 'statement'>): string | null {
  const definition = member(predicate, 'buildDefinition')
  if (definition === null) {
    const source = member(member(predicate, 'invocation'), 'configSource')
    return commitIn(member(source, 'digest')?.['sha1'])
  }
  // Of a tree with changes of its own no commit is the source.
  const ours = member(member(definition, 'internalParameters'), 'source')
  if (ours !== null) return ours['clean'] === true ? commitIn(ours['commit']) : null
  const listed = definition['resolvedDependencies']
  const sources = (Array.isArray(listed) ? listed : []).flatMap((item) => {
    const commit = isObject(item) ? commitIn(member(item, 'digest')?.['gitCommit']) : null
    return commit === null || !isObject(item) ? [] : [{ uri: textOf(item['uri'] ?? ''), commit }]
  })
  const repository = textOf(member(member(definition, 'externalParameters'), 'workflow')?.['repository'] ?? '')
  const isOwn = (uri: string): boolean => uri === `git+${repository}` || uri.startsWith(`git+${repository}@`)
  // One alone may be a dependency as well, of which the image is not.
  const own = repository === '' && sources.length === 1 ? sources : sources.filter(({ uri }) => isOwn(uri))
  const [only, ...more] = new Set(own.map(({ commit }) => commit))
  return only === undefined || more.length > 0 ? null : only
}

function member(value: JsonObject | null, name: string): JsonObject | null {
  const found = value?.[name]
  return isObject(found) ? found : null
}

function commitIn(value: JsonValue | undefined): string | null {
  return typeof value === 'string' && gitId.test(value) ? value : null
}
