import { readFileSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import { Ajv2020 } from 'ajv/dist/2020.js'
import addFormats from 'ajv-formats'
import { predicateSchema } from '../../scripts/docs/predicates.ts'
import { predicateNotes } from '../../scripts/docs/predicate-notes.ts'
import { isObject, type JsonObject, type JsonValue } from '../../src/base/json.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { officialSchema, type SchemaName } from '../../src/sbom/documents/schema/official.ts'
import { claimTypes } from '../../src/statement/claims/types.ts'
import {
  isDocumentKind,
  predicateForms,
  readPredicate,
  type PredicateKind,
} from '../../src/statement/schemas/predicate.ts'
import {
  makeStatement,
  parseStatement,
  predicateTypeOf,
  type WrittenKind as Kind,
} from '../../src/statement/statement.ts'
import { noticeTypes } from '../../src/statement/notices.ts'
import { predicateTypes, sbomKinds } from '../../src/statement/types.ts'
import { root } from '../../testkit/peers.ts'
import { predicateExamples } from '../../testkit/predicate-examples.ts'

// A promotion record is a claim, and a statement of the agent.
const kinds = [...new Set([predicateTypes, claimTypes, noticeTypes].flatMap((types) => Object.keys(types)))] as Kind[]
const own = Object.keys(predicateForms) as PredicateKind[]
const examples = predicateExamples()
const subject = { digest: `sha256:${'a'.repeat(64)}` } as const
const folder = join(root, 'docs/predicates')
const page = (kind: string): string => readFileSync(join(folder, `${kind}.md`), 'utf8')
const predicateOf = (kind: Kind): JsonObject => parseStatement(examples[kind]).predicate
/** The JSON blocks of a page. */
const blocks = (kind: Kind): JsonValue[] =>
  [...page(kind).matchAll(/^```json\n([^]*?)^```$/gm)].map(([, text]) => JSON.parse(text ?? '') as JsonValue)

test('each kind that is written has a page, the index names it, and there is no other page', () => {
  expect(Object.keys(predicateNotes).sort()).toEqual([...kinds].sort())
  expect(readdirSync(folder).sort()).toEqual(['README.md', ...kinds.map((kind) => `${kind}.md`)].sort())
  expect([...own, ...sbomKinds].sort()).toEqual([...kinds].sort())
  for (const kind of kinds) {
    expect(page(kind)).toContain(`\`${predicateTypeOf(kind)}\``)
    expect(page('README')).toContain(`](${kind}.md)`)
  }
})

describe.each(kinds)('%s', (kind) => {
  test('its example has the same bytes each time, in RFC 8785 form, and stands in the page', () => {
    expect(predicateExamples()[kind]).toEqual(examples[kind])
    expect(jcs(JSON.parse(examples[kind].toString('utf8')))).toEqual(examples[kind])
    expect(blocks(kind).at(-1)).toEqual(JSON.parse(examples[kind].toString('utf8')))
    expect(parseStatement(examples[kind]).predicateType).toBe(predicateTypeOf(kind))
  })
})

describe.each(own)('the schema of %s', (kind) => {
  test('is in the page, takes the example, and refuses it with a member more', () => {
    const [schema] = blocks(kind)
    expect(schema).toEqual(JSON.parse(JSON.stringify(predicateSchema(kind))))
    if (!isObject(schema)) throw new Error('the page has no schema')
    const ajv = new Ajv2020({ strict: false, allErrors: true })
    ;(addFormats as unknown as (a: unknown) => void)(ajv)
    const validate = ajv.compile(schema)
    validate(predicateOf(kind))
    expect(validate.errors).toBeNull()
    // An OpenVEX document is signed as its author wrote it.
    expect(validate({ ...predicateOf(kind), further: 1 })).toBe(kind === 'openvex')
  })

  test('keeps a maker from a member that it does not name', () => {
    const make = (): Buffer => makeStatement(kind, subject, { ...predicateOf(kind), further: 1 })
    if (kind === 'openvex') expect(make()).toBeInstanceOf(Buffer)
    else expect(make).toThrow(expect.objectContaining({ code: 'format-invalid', subject: kind }))
  })

  test('lets a reader ignore a member that it does not name', () => {
    expect(() => readPredicate(kind, { ...predicateOf(kind), further: 1 }, 'here')).not.toThrow()
  })
})

/** Every place of a predicate, by path; below parameters and free maps only the top is of a known type. */
function places(value: JsonValue, path: readonly string[] = []): string[][] {
  const inner = Array.isArray(value) ? [...value.entries()].slice(0, 1) : isObject(value) ? Object.entries(value) : []
  return inner.flatMap(([key, item]) => [[...path, String(key)], ...places(item, [...path, String(key)])])
}

/** A copy in which one place holds a value that no schema of ours takes there. */
function withWrong(predicate: JsonObject, path: readonly string[]): JsonObject {
  const copy = structuredClone(predicate)
  let at: JsonValue = copy
  for (const key of path.slice(0, -1)) at = (at as Record<string, JsonValue>)[key] ?? null
  const last = path.at(-1) ?? ''
  const holder = at as Record<string, JsonValue>
  holder[last] = Array.isArray(holder[last]) ? 7 : [[false]]
  return copy
}

/** Places that hold anything a tool or a tenant likes: annotations of findings, ids of OpenVEX documents, parameters that the gate judges. */
const free = /annotations 0 |^@id$|^version$|justification|externalParameters |^configuration 0/

describe.each(own.filter((kind) => kind !== 'sign'))('a wrong type in %s', (kind) => {
  const all = places(predicateOf(kind)).map((path) => path.join(' '))
  const strict = all.filter((path) => !/annotations 0 |^@id$|^version$|justification/.test(path))

  test.each(strict)('at %s is never signed', (path) => {
    expect(() => makeStatement(kind, subject, withWrong(predicateOf(kind), path.split(' ')))).toThrow(
      expect.objectContaining({ code: 'format-invalid' }),
    )
  })

  test.each(all.filter((path) => !free.test(path)))('at %s is refused by the reader', (path) => {
    expect(() => readPredicate(kind, withWrong(predicateOf(kind), path.split(' ')), 'here')).toThrow(
      expect.objectContaining({ code: 'format-invalid', subject: 'here' }),
    )
  })
})

test('a member of ours that is missing is never signed', () => {
  for (const kind of own.filter((name) => name !== 'sign' && name !== 'openvex')) {
    for (const name of Object.keys(predicateOf(kind)).filter(
      (one) => !/expires|skippedTests|^keys$|purged/.test(one),
    )) {
      const { [name]: _gone, ...rest } = predicateOf(kind)
      expect(() => makeStatement(kind, subject, rest)).toThrow(expect.objectContaining({ code: 'format-invalid' }))
    }
  }
})

describe('documents', () => {
  test.each<[Kind, SchemaName, string]>([
    ['spdx', 'spdx-2.3', 'spdxVersion'],
    ['spdx3', 'spdx-3.0.1', '@graph'],
    ['cyclonedx', 'cyclonedx-1.6', 'bomFormat'],
  ])('%s: the official schema takes the example, and refuses a wrong type', async (kind, name, member) => {
    const schema = await officialSchema(name)
    expect(schema.validate(predicateOf(kind))).toBeNull()
    expect(schema.validate({ ...predicateOf(kind), [member]: 7 })).not.toBeNull()
  })

  test.each(sbomKinds)('%s is not signed without its bytes', (kind) => {
    expect(() => makeStatement(kind, subject, predicateOf(kind))).toThrow(
      expect.objectContaining({ code: 'format-invalid' }),
    )
  })

  test('bytes are not signed as a predicate of another kind', () => {
    expect(isDocumentKind('sign')).toBe(false)
    expect(() => makeStatement('sign', subject, { document: Buffer.from('{}') })).toThrow(
      expect.objectContaining({ code: 'format-invalid' }),
    )
  })
})

test('a malformed attribute of ours does not pass as one of another tool', () => {
  const { attributes } = predicateOf('evidence')
  const [attribute] = Array.isArray(attributes) ? attributes : []
  if (!isObject(attribute)) throw new Error('the example has no attribute')
  const foreign = { attribute: 'https://other.example/a', evidence: { name: 'x' } }
  expect(() => readPredicate('evidence', { attributes: [attribute, foreign] }, 'here')).not.toThrow()
  expect(() => readPredicate('evidence', { attributes: [{ ...attribute, evidence: {} }] }, 'here')).toThrow(
    expect.objectContaining({ code: 'format-invalid' }),
  )
  expect(() => makeStatement('evidence', subject, { attributes: [foreign] })).toThrow(
    expect.objectContaining({ code: 'format-invalid' }),
  )
})
