import { readToml } from '../../src/encoding/toml.ts'
import { childOf, childrenOf, childText, readXml } from '../../src/encoding/xml.ts'
import { readYamlData } from '../../src/encoding/yaml-data.ts'

describe('readToml', () => {
  test('reads tables, lists of tables, and dates and big numbers as text', () => {
    expect(
      readToml('a.b = 1\nd = 2024-01-02T03:04:05Z\nn = 123456789012345678901\n[[p]]\nx = [{ y = "z" }]\n[[p]]\n'),
    ).toEqual({ a: { b: 1 }, d: '2024-01-02T03:04:05.000Z', n: '123456789012345678901', p: [{ x: [{ y: 'z' }] }, {}] })
  })

  test.each([
    ['a = 1\na = 2', /line 2/],
    ['a = ', /line 1/],
    [`a = ${'['.repeat(1000)}`, /./],
    [`${'a.'.repeat(1000)}a = 1`, /nests more than/],
  ])('refuses %p', (text, why) => {
    expect(() => readToml(text)).toThrow(why)
  })
})

describe('readYamlData', () => {
  test('scalars are their text; empty values are empty texts', () => {
    expect(readYamlData('a: 1.10\nb: true\nc:\nd: [x, {y: "z"}]\n---\n- null\n')).toEqual([
      { a: '1.10', b: 'true', c: '', d: ['x', { y: 'z' }] },
      ['null'],
    ])
  })

  test('a key that stands twice with one value is one key', () => {
    expect(readYamlData('a: {b: c}\na: {b: c}\n')).toEqual([{ a: { b: 'c' } }])
  })

  test.each([
    ['a: 1\na: 2', /"a" stands twice/],
    ['a: &x 1\nb: *x', /aliases/],
    ['a: b: c', /line 1/],
    ['? [a]\n: b', /no text/],
    [`${'['.repeat(150)}${']'.repeat(150)}`, /nests more than/],
    ['[', /line 1/],
    ['x'.repeat((8 << 20) + 1), /at most/],
  ])('refuses what readers differ on (case %#)', (text, why) => {
    expect(() => readYamlData(text)).toThrow(why)
  })
})

describe('readXml', () => {
  test('elements, texts, CDATA, entities and comments', () => {
    const root = readXml(
      '\uFEFF<?xml version="1.0"?><!-- < --><p:a x="<>" y=\'/>\'>1<b/>&lt;&#65;&#x42;<![CDATA[<&]]><c d="e">f</c ><c>g</c></p:a>\n',
    )
    expect(root.name).toBe('a')
    expect(root.text).toBe('1<AB<&')
    expect(childrenOf(root, 'c').map(({ text }) => text)).toEqual(['f', 'g'])
    expect(childText(root, 'c')).toBe('f')
    expect(childOf(root, 'b', 'c')).toBeUndefined()
    expect(childText(undefined, 'c')).toBe('')
  })

  test.each([
    ['', /expected one element/],
    ['<a>', /not closed/],
    ['<a></b>', /closes/],
    ['</a>', /closes/],
    ['<a/><b/>', /expected one element/],
    ['<a>&x;</a>', /unknown/],
    ['<a>&#x110000;</a>', /unknown/],
    ['<!DOCTYPE a [<!ENTITY x "y">]><a/>', /document types/],
    ['<a x="', /expected/],
    ['<a', /does not end/],
    ['<1/>', /expected an element/],
    ['<a><!-- </a>', /expected "-->"/],
    ['<a><![CDATA[</a>', /expected/],
    ['<a>'.repeat(500), /nest more than/],
  ])('refuses %p', (text, why) => {
    expect(() => readXml(text)).toThrow(why)
  })
})
