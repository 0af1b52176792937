import type { z } from 'zod'

/** A document in the form of its schema, or all that is wrong with it, one line each: `line 3: job.refs: is missing`. */
export type ReadYaml<T> = { value: T; problems: null } | { value: null; problems: string[] }

type Issue = z.core.$ZodIssue

/** Later problems often follow from earlier ones. */
const shown = 20

/**
 * Reads a YAML (or JSON) document that a person wrote. Each problem names its line, in words for readers who do not know
 * the schema.
 *
 * @param whole what the document is called where no member of it is to blame: `the policy`
 */
export async function readYaml<T>(text: string, schema: z.ZodType<T>, whole: string): Promise<ReadYaml<T>> {
  const { isNode, isScalar, LineCounter, parseDocument, visit } = await import('yaml')
  const lines = new LineCounter()
  const yaml = parseDocument(text, { lineCounter: lines, uniqueKeys: false, prettyErrors: false })
  const at = (offset: number): string => `line ${lines.linePos(offset).line}`
  const refused = (problems: string[]): ReadYaml<T> => ({ value: null, problems })
  if (yaml.errors.length > 0) return refused(yaml.errors.map((e) => `${at(e.pos[0])}: ${e.message}`))
  const keys: string[] = []
  visit(yaml, {
    Map: (_, { items }) => {
      // By the name that the member gets below: 1 and "1" are one. The parser's own check compares each key with all others of its map.
      const seen = new Set<string>()
      for (const { key } of items) {
        const name = isScalar(key) ? String(key.value ?? '') : null
        const where = (): string => at(isNode(key) ? (key.range?.[0] ?? 0) : 0)
        if (name === null) keys.push(`${where()}: a key must be a text`)
        // Readers of records leave it out, so that a rule or value under this name would be lost without a word.
        else if (name === '__proto__') keys.push(`${where()}: the key "__proto__" is not allowed`)
        else if (seen.has(name)) keys.push(`${where()}: the key ${JSON.stringify(name)} stands twice`)
        else seen.add(name)
      }
    },
  })
  if (keys.length > 0) return refused(upTo(keys))
  let value: unknown
  try {
    // Aliases would let two places of the text mean one value, and a short text mean a huge one.
    value = yaml.toJS({ maxAliasCount: 0 })
  } catch {
    return refused(['anchors and aliases are not allowed'])
  }
  if (typeof value !== 'object' || value === null || Array.isArray(value))
    return refused([value === null ? 'the file is empty' : 'the file holds no members, as version: 1'])
  const result = schema.safeParse(value)
  if (result.success) return { value: result.data, problems: null }
  const problems = flatten(result.error.issues).map(
    (issue) =>
      `${at(offsetOf(yaml, issue.path))}: ${issue.path.map(String).join('.') || whole}: ${inWords(issue, value)}`,
  )
  return refused(upTo(problems))
}

function upTo(problems: string[]): string[] {
  const more = problems.length - shown
  return more <= 0 ? problems : [...problems.slice(0, shown), `… and ${more} more`]
}

/** What to write where a value has another type. */
const typeWords: Readonly<Record<string, string>> = {
  array: 'write a list: [ONE, TWO]',
  boolean: 'write true or false, without quotes',
  int: 'write a whole number, without quotes',
  number: 'write a number, without quotes',
  object: 'write members, as name: value',
  record: 'write members, as name: value',
  string: 'write a text; one that looks like a number or a date needs quotes',
}

function inWords(issue: Issue, document: unknown): string {
  if (issue.code === 'unrecognized_keys') return 'there is no such member'
  const missing = valueAt(document, issue.path) === undefined
  // Where the schema has words of its own these are better.
  if (issue.code === 'invalid_value' && issue.message.startsWith('Invalid')) {
    const values = issue.values
      .map(String)
      .join(', ')
      .replace(/, ([^,]*)$/, ' or $1')
    return `${missing ? 'is missing: ' : ''}write ${values}`
  }
  if (missing && issue.message.startsWith('Invalid')) return 'is missing'
  if (issue.code === 'invalid_type' && issue.message.startsWith('Invalid'))
    return typeWords[issue.expected] ?? issue.message.replace(/^Invalid input: /, '')
  if (issue.code === 'invalid_key') {
    const [first] = issue.issues
    return first === undefined || first.message.startsWith('Invalid')
      ? 'the name has another form than it must have'
      : `the name: ${first.message}`
  }
  if (issue.code === 'invalid_format' && issue.message.startsWith('Invalid'))
    return 'has another form than it must have'
  if (issue.code === 'too_small' && issue.minimum === 1 && issue.message.startsWith('Too small'))
    return 'must not be empty'
  return issue.message.replace(/^Invalid input: /, '')
}

function valueAt(value: unknown, path: readonly PropertyKey[]): unknown {
  return path.reduce<unknown>(
    (parent, name) =>
      typeof parent === 'object' && parent !== null && Object.hasOwn(parent, name)
        ? new Map<PropertyKey, unknown>(Object.entries(parent)).get(String(name))
        : undefined,
    value,
  )
}

/** One issue for each unknown member. Of a union's branches only the one that the writer meant is told: the one that went deepest into the value. */
function flatten(issues: readonly Issue[]): Issue[] {
  return issues.flatMap((issue) => {
    if (issue.code === 'unrecognized_keys')
      return issue.keys.map((key) => ({ ...issue, keys: [key], path: [...issue.path, key] }))
    if (issue.code !== 'invalid_union') return [issue]
    const depth = (branch: readonly Issue[]): number =>
      Math.max(0, ...branch.map((inner) => inner.path.length + (inner.code === 'unrecognized_keys' ? 1 : 0)))
    const meant = [...issue.errors].sort((a, b) => depth(b) - depth(a))[0] ?? []
    return flatten(meant.map((inner) => ({ ...inner, path: [...issue.path, ...inner.path] })))
  })
}

/** Start of the deepest node on the way to a path: the key of a pair where there is one, since a value may be missing. */
function offsetOf(
  yaml: { getIn(path: unknown[], keep: boolean): unknown; contents: unknown },
  path: readonly PropertyKey[],
): number {
  for (let depth = path.length; depth > 0; depth -= 1) {
    const parent = depth === 1 ? yaml.contents : yaml.getIn(path.slice(0, depth - 1), true)
    const pairs = (parent as { items?: { key?: { value?: unknown; range?: [number, number, number] } }[] } | undefined)
      ?.items
    const pair = pairs?.find((item) => item.key?.value === path[depth - 1])
    if (pair?.key?.range !== undefined) return pair.key.range[0]
    const node = yaml.getIn(path.slice(0, depth), true) as { range?: [number, number, number] } | undefined
    const start = node?.range?.[0]
    if (start !== undefined) return start
  }
  return 0
}
