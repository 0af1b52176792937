import { cosignReads, registryName } from '../../src/oci/identity.ts'

test.each([
  ['app', 'app'],
  ['team/app_one.v2', 'team/app_one.v2'],
  ['d', 'image-d'],
  ['D', 'image-d'],
  ['Team/App', 'team/app'],
  ['a._b', 'a-b'],
  ['..', 'image'],
  ['t/a', 't/a'],
])('an image named %s is copied to the repository %s', (name, repository) => {
  expect(registryName(name)).toBe(repository)
  expect(cosignReads(`localhost:5000/${registryName(name)}`)).toBe(true)
})

test('cosign reads no repository name of one character', () => {
  const digest = `sha256:${'0'.repeat(64)}`
  for (const text of ['host/d', 'host:5000/d:v1', `host/d@${digest}`, `host:5000/d:latest@${digest}`])
    expect(cosignReads(text)).toBe(false)
  for (const text of ['host/dd', `host:5000/t/d:v1@${digest}`]) expect(cosignReads(text)).toBe(true)
})
