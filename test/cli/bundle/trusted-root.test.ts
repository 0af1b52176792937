import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../../src/base/ports.ts'
import { sha256 } from '../../../src/base/streams.ts'
import { rawInputs } from '../../../src/doors/raw-inputs.ts'
import { trustedRootInput } from '../../../src/doors/trusted-root.ts'
import type { TrustedRoot } from '../../../src/sign/trusted-root.ts'
import { fakeHttp, scratch, testPorts } from '../../../testkit/ports.ts'
import { makeSigstore, trustedRootOf } from '../../../testkit/sigstore/instance.ts'
import { tufServer, TufWriter } from '../../../testkit/sigstore/tuf.ts'

const url = 'https://tuf.test'
const writer = new TufWriter()
const root = writer.publishRoot()
const trusted = trustedRootOf(makeSigstore())
writer.publish({ targets: { 'trusted_root.json': Buffer.from(trusted), 'not-a-root.json': Buffer.from('{}') } })
const folder = scratch('trusted-root')
const rootFile = join(folder, 'root.json')
writeFileSync(rootFile, root)

function world(env: Record<string, string> = {}) {
  const server = tufServer(url, writer.files)
  const ports: Ports = testPorts({ http: fakeHttp(server.request), env: { HOME: scratch('home'), ...env } })
  const read = (given: Readonly<Record<string, string>>): Promise<TrustedRoot | null> =>
    trustedRootInput(
      rawInputs({ given: (name) => given[name], defaults: {}, ports, confine: null, label: (name) => `--${name}` }),
      ports,
    )
  return { read, asked: server.asked, ports }
}

test('a file, a repository by a pinned root or its digest, and nothing', async () => {
  const { read, asked } = world()
  await expect(read({})).resolves.toBeNull()
  const file = join(folder, 'trusted.json')
  writeFileSync(file, trusted)
  const byFile = await read({ 'trusted-root': file })
  expect(asked).toEqual([])
  const hosts = (found: TrustedRoot | null): string[] => (found?.tlogs ?? []).map(({ host }) => host)
  expect(hosts(byFile)).not.toEqual([])
  for (const pin of [rootFile, sha256(root)])
    expect(hosts(await read({ 'trusted-root': `tuf:${url}`, 'tuf-root': pin }))).toEqual(hosts(byFile))
  asked.length = 0
  const offline = { 'trusted-root': `tuf:${url}`, 'tuf-root': rootFile, 'tuf-offline': 'true' }
  expect(hosts(await read(offline))).toEqual(hosts(byFile))
  expect(asked).toEqual([])
  await expect(read({ ...offline, 'tuf-cache': scratch('empty') })).rejects.toMatchObject({ code: 'not-found' })
})

test('what does not fit together is refused by name', async () => {
  const { read } = world()
  await expect(read({ 'trusted-root': `tuf:${url}` })).rejects.toMatchObject({
    code: 'input-missing',
    subject: 'tuf-root',
  })
  for (const name of ['tuf-root', 'tuf-target', 'tuf-cache', 'tuf-offline'])
    await expect(read({ [name]: 'true' })).rejects.toMatchObject({ code: 'input-invalid', subject: name })
  await expect(read({ 'trusted-root': rootFile })).rejects.toMatchObject({ code: 'file-invalid' })
  await expect(read({ 'trusted-root': join(folder, 'none') })).rejects.toMatchObject({ code: 'file-missing' })
  const target = { 'trusted-root': `tuf:${url}`, 'tuf-root': rootFile, 'tuf-target': 'not-a-root.json' }
  await expect(read(target)).rejects.toMatchObject({ code: 'format-invalid', exitCode: 1 })
})

test('the cache lies in the folder of the user, or where the environment says; without one that is told', async () => {
  const repository = { 'trusted-root': `tuf:${url}`, 'tuf-root': rootFile, 'tuf-offline': 'true' }
  const online = { ...repository, 'tuf-offline': 'false' }
  const [own, user] = [scratch('own'), scratch('user')]
  for (const env of [{ SEALWRIGHT_TUF_CACHE: own }, { XDG_CACHE_HOME: user }]) {
    await world(env).read(online)
    await expect(world(env).read(repository)).resolves.not.toBeNull()
  }
  const { read, ports } = world({ HOME: '' })
  await read(online)
  expect((ports.log as unknown as { lines: string[] }).lines.join()).toContain('no cache folder is known')
})

test("the public instance's repository starts from the root of this release", async () => {
  const instance = 'https://tuf-repo-cdn.sigstore.dev'
  const server = tufServer(instance, writer.files)
  const at = new Date('2026-11-30T12:00:00Z')
  const ports = testPorts({
    http: fakeHttp(server.request),
    env: { HOME: scratch('home') },
    clock: { now: () => at, monotonic: () => 0, sleep: () => Promise.resolve() },
  })
  const given: Record<string, string> = { 'trusted-root': `tuf:${instance}` }
  const inputs = rawInputs({ given: (name) => given[name], defaults: {}, ports, confine: null, label: (name) => name })
  // The test's server has no newer root, and its timestamp is by keys that Sigstore has not.
  await expect(trustedRootInput(inputs, ports)).rejects.toMatchObject({
    code: 'signature-invalid',
    message: expect.stringContaining('timestamp.json is signed by 0'),
  })
  const [first = '', second] = server.asked
  expect(Number(/^(\d+)\.root\.json$/.exec(first)?.[1])).toBeGreaterThanOrEqual(17)
  expect(second).toBe('timestamp.json')
})
