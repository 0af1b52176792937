import { readFileSync } from 'node:fs'
import { formatPurl, parsePurl, type Purl } from '../../src/sbom/purl.ts'
import { vector, withPeers } from '../../testkit/peers.ts'

interface Case {
  description: string
  test_type: 'parse' | 'build' | 'validate' | 'roundtrip'
  input: string | Record<string, unknown>
  expected_output: string | Record<string, unknown> | null
  expected_failure: boolean
}

const parts = (value: object): object =>
  Object.fromEntries(Object.entries(value).filter(([, v]) => v !== null && v !== undefined))

function run({ test_type, input }: Case): string | object {
  if (test_type === 'parse') return parts(parsePurl(input as string))
  if (test_type === 'build') return formatPurl(parts(input as object) as unknown as Purl)
  return formatPurl(parsePurl(input as string))
}

for (const file of [
  'spec/specification',
  'types/npm',
  'types/deb',
  'types/oci',
  'types/generic',
  'types/golang',
  'types/github',
  'types/maven',
]) {
  const path = `sbom/purl/${file}-test.json`
  withPeers([`vectors:${path}`], `purl-spec: ${file}`, async () => {
    const { tests } = JSON.parse(readFileSync(vector(path), 'utf8')) as { tests: Case[] }
    for (const one of tests) {
      if (one.expected_failure) expect(() => run(one)).toThrow()
      else {
        const expected =
          typeof one.expected_output === 'string' ? one.expected_output : parts(one.expected_output ?? {})
        expect([one.input, run(one)]).toEqual([one.input, expected])
      }
    }
    expect(tests.length).toBeGreaterThan(0)
  })
}

test('what has to be encoded is', () => {
  expect(
    formatPurl({
      type: 'deb',
      namespace: 'Debian',
      name: 'a',
      version: '1:2+b~1',
      qualifiers: { arch: 'all', none: '' },
    }),
  ).toBe('pkg:deb/debian/a@1:2%2Bb~1?arch=all')
  expect(formatPurl({ type: 'npm', namespace: '@a', name: 'b', version: "1.0.0-x'(y)" })).toBe(
    'pkg:npm/%40a/b@1.0.0-x%27%28y%29',
  )
})
