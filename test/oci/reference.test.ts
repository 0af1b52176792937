import { formatReference, parseReference } from '../../src/oci/reference.ts'
import { codeOfSync } from './helpers.ts'

const hex = 'a'.repeat(64)

test.each([
  ['oci:out', { kind: 'layout', directory: '/w/out' }],
  ['oci:/x/y:v1', { kind: 'layout', directory: '/x/y', tag: 'v1' }],
  [`oci:../z:v1@sha256:${hex}`, { kind: 'layout', directory: '/z', tag: 'v1', digest: `sha256:${hex}` }],
  ['ghcr.io/owner/app', { kind: 'registry', host: 'ghcr.io', repository: 'owner/app' }],
  ['localhost/app:v1', { kind: 'registry', host: 'localhost', repository: 'app', tag: 'v1' }],
  [
    `127.0.0.1:5000/a/b__c@sha256:${hex}`,
    { kind: 'registry', host: '127.0.0.1:5000', repository: 'a/b__c', digest: `sha256:${hex}` },
  ],
  ['[::1]:5000/a', { kind: 'registry', host: '[::1]:5000', repository: 'a' }],
])('%s is read and written back', (text, want) => {
  const ref = parseReference(text, '/w')
  expect(JSON.parse(JSON.stringify(ref))).toEqual(want)
  expect(parseReference(formatReference(ref), '/')).toEqual(ref)
})

test.each([
  '',
  'oci:',
  'oci::tag',
  'oci:a:',
  'oci:a:b:c',
  'oci:a:b/c',
  'oci:a@b/c',
  `oci:a@sha256:${hex}@x`,
  'oci:a@sha256:abc',
  'oci:a\nb',
  'oci:a:-x',
  'debian',
  'library/debian',
  'ghcr.io/',
  'ghcr.io/Owner/app',
  'ghcr.io/a//b',
  'ghcr.io/a/../b',
  'ghcr.io/a:',
  `ghcr.io/a:${'x'.repeat(129)}`,
  'https://ghcr.io/a',
  'docker://ghcr.io/a',
  'ghcr.io:0/a',
  'ghcr.io:70000/a',
  'user@ghcr.io/a',
  `ghcr.io/a@sha256:${hex.toUpperCase()}`,
  `ghcr.io/a@sha512:${hex}`,
  '-a.io/b',
  `ghcr.io/${'a'.repeat(256)}`,
])('%j is refused', (text) => {
  expect(codeOfSync(() => parseReference(text, '/w'))).toBe('reference-invalid')
})

test("a folder with ':' or '@' is refused by name, also as the working directory", () => {
  expect(() => parseReference('oci:a:b:c', '/w')).toThrow(/directory with ':'/)
  expect(() => parseReference('oci:a@b/c', '/w')).toThrow(/directory with '@'/)
  expect(() => parseReference('oci:out', '/w@1')).toThrow(/'@'/)
})
