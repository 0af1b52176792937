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
  ['oci-archive:a.tar', { kind: 'oci-archive', local: '/w/a.tar' }],
  [
    `oci-archive:/x/a.tar:v1@sha256:${hex}`,
    { kind: 'oci-archive', local: '/x/a.tar', tag: 'v1', digest: `sha256:${hex}` },
  ],
  [
    'docker-archive:a.tar:docker.io/library/app:1.0',
    { kind: 'docker-archive', local: '/w/a.tar', tag: 'docker.io/library/app:1.0' },
  ],
  [`docker-archive:a.tar@sha256:${hex}`, { kind: 'docker-archive', local: '/w/a.tar', digest: `sha256:${hex}` }],
  ['containers-storage:app', { kind: 'containers-storage', local: 'app:latest' }],
  [
    'containers-storage:[vfs@/a:b+/c]localhost/app:1',
    { kind: 'containers-storage', local: '[vfs@/a:b+/c]localhost/app:1' },
  ],
  [`docker-daemon:app:1@sha256:${hex}`, { kind: 'docker-daemon', local: 'app:1', digest: `sha256:${hex}` }],
  // A bare name with a digest is the program's to look up.
  [`docker-daemon:host:5000/app@sha256:${hex}`, { kind: 'docker-daemon', local: `host:5000/app@sha256:${hex}` }],
  [`docker-daemon:sha256:${hex}`, { kind: 'docker-daemon', local: `sha256:${hex}` }],
  [`containers-storage:${hex}@sha256:${hex}`, { kind: 'containers-storage', local: hex, digest: `sha256:${hex}` }],
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
  'oci:a:b/c',
  'oci:a:b/c',
  'oci:a@b/c',
  `oci:a@sha256:${hex}@x`,
  'oci:a@sha256:abc',
  'oci:a\nb',
  'oci:a:-x',
  'oci-archive:',
  'oci-archive::v1',
  'oci-archive:a.tar:',
  'oci-archive:a.tar:b/c:1',
  'oci-archive:a@b.tar',
  'docker-archive:a.tar:',
  'docker-archive:a.tar:-x',
  'docker-archive:a.tar:a b',
  'containers-storage:',
  'containers-storage:-x',
  'containers-storage:[/a]',
  'containers-storage:[/a]--help',
  'docker-daemon:App',
  'docker-daemon:app:1@sha256:abc',
  'docker-daemon:[/a]app',
  'docker-daemon:../app',
  'docker-daemon:app?x=1',
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
  expect(() => parseReference('oci:a:b/c', '/w')).toThrow(/directory with ':'/)
  expect(() => parseReference('oci:a@b/c', '/w')).toThrow(/directory with '@'/)
  expect(() => parseReference('oci:out', '/w@1')).toThrow(/'@'/)
})

test('a message lists the forms of a reference', () => {
  for (const form of [
    'oci:DIR',
    'HOST[:PORT]/NAME',
    'oci-archive:FILE',
    'docker-archive:FILE',
    'containers-storage:NAME',
    'docker-daemon:NAME',
  ])
    expect(() => parseReference('oci:', '/w')).toThrow(
      expect.objectContaining({ remedy: expect.stringContaining(form) }),
    )
})
