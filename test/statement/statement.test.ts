import { VerificationError } from '../../src/base/errors.ts'
import { parseJcs } from '../../src/encoding/jcs.ts'
import { embeddedDocument, makeStatement, parseStatement, speaksOf } from '../../src/statement/statement.ts'
import { legacyStatementType, predicateTypes, statementType } from '../../src/statement/types.ts'
import { digestOf } from './fixtures.ts'

const subject = { name: 'localhost/app', digest: digestOf('a') }
const text = (value: unknown): Buffer => Buffer.from(JSON.stringify(value))
const good = {
  _type: statementType,
  subject: [{ digest: { sha256: 'a'.repeat(64) } }],
  predicateType: 'x',
  predicate: {},
}

describe('makeStatement', () => {
  test('writes RFC 8785 bytes that read back', () => {
    const payload = makeStatement('sign', subject, {})
    expect(parseJcs(payload, 'payload')).toEqual(parseStatement(payload))
    expect(parseStatement(payload)).toEqual({
      _type: statementType,
      predicate: {},
      predicateType: predicateTypes.sign,
      subject: [{ name: 'localhost/app', digest: { sha256: 'a'.repeat(64) } }],
    })
  })

  test('equal input gives equal bytes, whatever the order of members', () => {
    const [one, other] = [
      { document: { digest: digestOf('b'), mediaType: 'x', size: 1 }, config: digestOf('c'), diffIds: [], files: 1 },
      { files: 1, diffIds: [], config: digestOf('c'), document: { size: 1, mediaType: 'x', digest: digestOf('b') } },
    ]
    expect(makeStatement('inventory', subject, one)).toEqual(makeStatement('inventory', subject, other))
  })

  test('a name is optional', () => {
    expect(parseStatement(makeStatement('sign', { digest: digestOf('a') }, {})).subject[0]).toEqual({
      digest: { sha256: 'a'.repeat(64) },
    })
  })

  test('embeds a document byte for byte and gives it back', () => {
    const document = Buffer.from('{ "spdxVersion": "SPDX-2.3",\n "n": 1.5 }\n')
    const payload = makeStatement('spdx', subject, { document })
    const statement = parseStatement(payload)
    expect(statement.predicate).toEqual({ spdxVersion: 'SPDX-2.3', n: 1.5 })
    expect(embeddedDocument(payload, statement)).toEqual(document)
  })

  test.each([
    ['closes the predicate', '{},"predicateType":"https://slsa.dev/provenance/v1","x":{}'],
    ['is an array', '[]'],
    ['is no JSON', '{'],
    ['is empty', ''],
  ])('refuses a document that %s', (_title, document) => {
    expect(() => makeStatement('spdx', subject, { document: Buffer.from(document) })).toThrow(VerificationError)
  })

  test('refuses another digest form', () => {
    expect(() => makeStatement('sign', { digest: 'sha256:ABC' }, {})).toThrow(/sha512 digest/)
  })

  test('finds no document in a payload that another tool wrote', () => {
    const payload = text(good)
    expect(embeddedDocument(payload, parseStatement(payload))).toBeNull()
  })
})

describe('parseStatement', () => {
  test('reads v0.1 as cosign writes it, and ignores unknown members of the subject', () => {
    const value = {
      ...good,
      _type: legacyStatementType,
      subject: [{ ...good.subject[0], name: 'n', uri: 'u', annotations: {} }],
    }
    expect(parseStatement(text(value))).toMatchObject({ _type: legacyStatementType, subject: [{ name: 'n' }] })
  })

  test.each([
    ['another type', { ...good, _type: 'https://in-toto.io/Link/v1' }],
    ['no subject', { ...good, subject: [] }],
    ['a null subject', { ...good, subject: [null] }],
    ['a null beside a subject', { ...good, subject: [good.subject[0], null] }],
    ['subject of another shape', { ...good, subject: good.subject[0] }],
    ['a subject without digest', { ...good, subject: [{ name: 'x' }] }],
    ['a subject of an empty digest set', { ...good, subject: [{ digest: {} }] }],
    ['more subjects than anybody needs', { ...good, subject: Array.from({ length: 4097 }, () => good.subject[0]) }],
    ['a digest that is no text', { ...good, subject: [{ digest: { sha256: 5 } }] }],
    ['no predicate type', { ...good, predicateType: '' }],
    ['a predicate type that is no text', { ...good, predicateType: 7 }],
    ['a predicate that is a number', { ...good, predicate: 5 }],
    ['a predicate that is an array', { ...good, predicate: [] }],
    ['null', null],
  ])('refuses %s', (_title, value) => {
    expect(() => parseStatement(text(value))).toThrow(expect.objectContaining({ code: 'format-invalid' }))
  })

  const hex = 'a'.repeat(64)
  test.each<[string, object[], boolean]>([
    ['one of two subjects', [{ digest: { sha256: 'b'.repeat(64) } }, { digest: { sha256: hex } }], true],
    ['a subject with further algorithms', [{ digest: { sha512: 'c'.repeat(128), sha256: hex } }], true],
    ['a subject with only SHA-1', [{ digest: { sha1: hex.slice(0, 40) } }], false],
    ['a subject whose SHA-512 has that value', [{ digest: { sha512: hex } }], false],
    ['a digest in upper case', [{ digest: { sha256: hex.toUpperCase() } }], false],
    ['a name that is the digest', [{ name: `sha256:${hex}`, digest: { sha256: 'b'.repeat(64) } }], false],
  ])('%s is matched by SHA-256 alone', (_title, subject, speaks) => {
    expect(speaksOf(parseStatement(text({ ...good, subject })), `sha256:${hex}`)).toBe(speaks)
  })

  test('a predicate that is a text is kept as text, as cosign attest --type spdx writes it', () => {
    expect(parseStatement(text({ ...good, predicate: 'SPDXVersion: SPDX-2.3' }))).toMatchObject({
      predicate: {},
      predicateText: 'SPDXVersion: SPDX-2.3',
    })
  })

  test('refuses what is not UTF-8', () => {
    expect(() => parseStatement(Buffer.from([0x7b, 0xff, 0x7d]))).toThrow(VerificationError)
  })
})
