import { isNameInside } from '../../src/encoding/x509/name-constraints.ts'

test.each([
  ['dns', 'example.com', 'example.com', true],
  ['dns', 'a.b.EXAMPLE.com', 'example.com', true],
  ['dns', 'badexample.com', 'example.com', false],
  ['dns', 'example.com', '.example.com', false],
  ['dns', 'a.example.com', '.example.com', true],
  ['dns', 'anything', '', true],
  ['email', 'a@example.com', 'example.com', true],
  ['email', 'a@Example.com', 'example.com', true],
  ['email', 'a@b.example.com', 'example.com', false],
  ['email', 'a@b.example.com', '.example.com', true],
  ['email', 'a@example.com', 'a@example.com', true],
  ['email', 'A@example.com', 'a@example.com', false],
  ['email', 'b@example.com', 'a@example.com', false],
  ['uri', 'https://example.com/x', 'example.com', true],
  ['uri', 'https://a.example.com/x', 'example.com', false],
  ['uri', 'https://a.example.com:8443/x', '.example.com', true],
  ['uri', 'https://example.com@evil.org/', 'example.com', false],
  ['uri', 'not a URI', 'example.com', false],
] as const)('%s %s in %s: %s', (kind, value, constraint, inside) => {
  expect(isNameInside({ kind, value }, constraint)).toBe(inside)
})
