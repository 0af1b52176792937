import { isLoopback, isPrivateUrl } from '../../src/base/loopback.ts'

test.each(['localhost', 'localhost:5000', '127.0.0.1', '127.0.0.1:1', '127.9.8.7', '[::1]', '[::1]:5000'])(
  '%s is this machine',
  (host) => expect(isLoopback(host)).toBe(true),
)

test.each([
  'localhost.evil.com',
  '127.0.0.1.evil.com',
  'ghcr.io',
  '[::2]',
  '[::1',
  '',
  '128.0.0.1',
  'x127.0.0.1',
  '0.0.0.0',
])('%j is another machine', (host) => expect(isLoopback(host)).toBe(false))

test.each(['https://example.com', 'http://localhost:1/x', 'http://127.0.0.1', 'http://[::1]:8/', 'http://127.1'])(
  '%s stays private',
  (url) => expect(isPrivateUrl(url)).toBe(true),
)

test.each([
  'http://example.com',
  'http://localhost.evil.com',
  'http://localhost@evil.com',
  'ftp://localhost',
  'localhost',
  '',
  'file:///x',
])('%j does not', (url) => expect(isPrivateUrl(url)).toBe(false))
