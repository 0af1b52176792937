import { VerificationError } from '../../../src/base/errors.ts'
import { phpExtension } from '../../../src/sbom/catalogers/binary/php-extension.ts'
import { flip } from '../../../testkit/mutate.ts'
import { catalog as catalogAll } from '../catalog.ts'
import { catalog } from './catalog.ts'
import { makeElf } from '../../../testkit/sbom/make-executable.ts'
import { extension } from '../../../testkit/sbom/make-php.ts'

const folder = 'usr/local/lib/php/extensions/no-debug-non-zts-20230831'

const read = (name: string, bytes: Buffer): [string, string | null][] =>
  catalog(phpExtension, { [`${folder}/${name}.so`]: bytes }).packages.map(({ purl, version }) => [purl, version])

test('version of the module entry, in place or by relocation; a name before it is left out', () => {
  const redis = [['pkg:generic/php/redis@6.0.2RC1', '6.0.2RC1']]
  expect(read('redis', extension('6.0.2RC1'))).toEqual(redis)
  expect(read('redis', extension('6.0.2RC1', { relocated: false }))).toEqual(redis)
  expect(read('mysqlnd', extension('mysqlnd 8.3.1'))).toEqual([['pkg:generic/php/mysqlnd@8.3.1', '8.3.1']])
})

test('an extension without a version is listed without; other libraries are not', () => {
  const unknown = [['pkg:generic/php/x', null]]
  expect(read('x', extension(null))).toEqual(unknown)
  expect(read('x', extension('1.0.0', { api: 7 }))).toEqual(unknown)
  const other = makeElf([{ name: '.data', bytes: Buffer.from('1.0.0\0API'), data: true }])
  expect(read('x', other)).toEqual([])
  expect(catalog(phpExtension, { 'usr/lib/other/x.so': extension('1.0.0') }).packages).toEqual([])
  expect(catalog(phpExtension, { [`${folder}/x.so`]: Buffer.from('INPUT(libx.so)') }).packages).toEqual([])
})

test('an extension that a package of the system owns is no second package', async () => {
  const status = 'Package: php-redis\nStatus: install ok installed\nVersion: 6-1\nArchitecture: amd64\n'
  const found = await catalogAll({
    'var/lib/dpkg/status': status,
    'var/lib/dpkg/info/php-redis.list': `/.\n/${folder}/redis.so\n`,
    [`${folder}/redis.so`]: extension('6.0.2'),
    [`${folder}/own.so`]: extension('1.0.0'),
  })
  expect(found.packages.map(({ name }) => name)).toEqual(['php-redis', 'own'])
})

test('every truncation and every flipped bit is read or refused', () => {
  const judge = (changed: Buffer): void => {
    try {
      read('redis', changed)
    } catch (error) {
      expect(error).toBeInstanceOf(VerificationError)
    }
  }
  const whole = extension('6.0.2')
  for (let length = 0; length < whole.length; length++) judge(whole.subarray(0, length))
  for (let bit = 0; bit < whole.length * 8; bit++) judge(flip(whole, bit))
})
