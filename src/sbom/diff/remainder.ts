import { isObject, parseJson, type JsonValue } from '../../base/json.ts'
import type { SbomDocument } from '../documents/model.ts'
import { weights } from './change-list.ts'
import { addChange, leaveOut, type Context } from './context.ts'
import { levels } from './types.ts'

const uuid = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}/

/**
 * Two documents of one engine and format that differ on no level must be equal but for time and id. What else differs is a member that no level
 * covers, and is named: otherwise "equal" would say more than was compared.
 */
export function compareRemainder(context: Context): void {
  const { a, b, engines, list } = context
  if (a.document === null || b.document === null || !engines.same || !engines.sameFormat) return
  if (a.bytes === null || b.bytes === null) {
    if (a.bytes !== b.bytes)
      leaveOut(context, 'attributes', 'members that no level covers', 'one side is not a document')
    return
  }
  if (Buffer.from(a.bytes).equals(b.bytes)) return
  // What differs on a level differs in the text, too.
  const before = levels.filter((level) => level !== 'files')
  if (before.some((level) => list.has(level) || list.counts[level].ignore > 0)) return
  const path = firstDifference(stable(a.bytes, a.document), stable(b.bytes, b.document), '')
  if (path === null) return
  addChange(
    context,
    {
      level: 'attributes',
      op: 'changed',
      key: 'document',
      before: { member: path },
      after: { member: path },
      cause: 'content',
      reason: `the documents differ in a member that no level covers: ${path}`,
    },
    weights.rest,
  )
}

/** The document without its id, its times, and the digest of its inventory, which the level of files compares. */
function stable(bytes: Uint8Array, { uri, inventory }: SbomDocument): JsonValue {
  let text = Buffer.from(bytes).toString('utf8')
  for (const own of [uuid.exec(uri ?? '')?.[0], inventory]) if (own) text = text.replaceAll(own, '')
  return inOrder(withoutTimes(parseJson(text, 'the document'), 0))
}

/** SPDX 3 orders its elements by ids. Those of annotations and relationships follow from that of the document, and nothing refers to them. */
function inOrder(value: JsonValue): JsonValue {
  if (!isObject(value) || !Array.isArray(value['@graph'])) return value
  const elements = value['@graph'].map((element) => {
    if (!isObject(element)) return element
    const dependent = element['type'] === 'Annotation' || element['type'] === 'Relationship'
    // `element` lists the ids of all others.
    const kept = Object.entries(element).filter(([name]) => name !== 'element' && !(dependent && name === 'spdxId'))
    return Object.fromEntries(kept)
  })
  const texts = elements.map((element): [string, JsonValue] => [JSON.stringify(element), element])
  return { ...value, '@graph': texts.sort(([a], [b]) => (a < b ? -1 : 1)).map(([, element]) => element) }
}

const times = new Set(['created', 'timestamp', 'annotationDate'])

/** Times of the document: `created` of SPDX 2.3 and 3, `metadata.timestamp` of CycloneDX, dates of annotations. */
function withoutTimes(value: JsonValue, depth: number): JsonValue {
  if (depth > 6) return value
  if (Array.isArray(value)) return value.map((item) => withoutTimes(item, depth + 1))
  if (!isObject(value)) return value
  const kept = Object.entries(value).filter(([name]) => !times.has(name))
  return Object.fromEntries(kept.map(([name, item]) => [name, withoutTimes(item, depth + 1)]))
}

/** Path of the first member that differs, in the order of A; null for equal values. */
function firstDifference(a: JsonValue | undefined, b: JsonValue | undefined, path: string): string | null {
  if (Array.isArray(a) && Array.isArray(b)) {
    for (let i = 0; i < Math.max(a.length, b.length); i++) {
      const found = firstDifference(a[i], b[i], `${path}[${i}]`)
      if (found !== null) return found
    }
    return null
  }
  if (isObject(a) && isObject(b)) {
    for (const name of new Set([...Object.keys(a), ...Object.keys(b)])) {
      const found = firstDifference(a[name], b[name], path === '' ? name : `${path}.${name}`)
      if (found !== null) return found
    }
    return null
  }
  return a === b ? null : path
}
