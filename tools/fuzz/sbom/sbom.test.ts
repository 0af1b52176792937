import { InputError } from '../../../src/base/errors.ts'
import { readSbom } from '../../../src/sbom/documents/read.ts'
import { Random } from '../../../testkit/random.ts'
import { builtSeeds } from './built.ts'
import { Cases } from './cases.ts'
import { catalogueOf } from './catalogue.ts'
import { change } from './change.ts'
import { foreignDocuments } from './foreign.ts'
import { unreached } from './reach.ts'
import { add, emptyTally, isGood } from './tally.ts'
import type { FileSeed, Judged } from './types.ts'

const manifest: FileSeed = {
  kind: 'file',
  name: 'manifest',
  path: 'a/package.json',
  content: Buffer.from('{"name":"a","version":"1.0.0","license":"MIT"}'),
  beside: {},
}
const run = async (wrap: (content: Buffer) => Buffer): Promise<Judged> => new Cases([{ ...manifest, wrap }]).run(1, 1)

test('a crash, a changed prototype and our own errors are told apart', async () => {
  expect(
    await run(() => {
      throw new TypeError('a defect')
    }),
  ).toMatchObject({ outcome: 'FINDING', why: expect.stringContaining('a defect') as string })
  expect(
    await run(() => {
      throw new InputError('input-invalid', 'refused')
    }),
  ).toEqual({ outcome: 'refused', why: '', name: 'manifest' })
  const polluted = await run((content) => {
    // oxlint-disable-next-line no-extend-native -- the fault that must be seen
    Object.defineProperty(Object.prototype, 'sealwright', { value: 1, configurable: true })
    return content
  })
  Reflect.deleteProperty(Object.prototype, 'sealwright')
  expect(polluted).toMatchObject({ outcome: 'FINDING', why: 'what every object inherits was changed' })
  expect(await run(() => manifest.content)).toMatchObject({ outcome: 'read' })
  expect(await run(() => Buffer.from('{'))).toMatchObject({ outcome: 'refused' })
})

test('a case comes again by its number', async () => {
  const cases = new Cases([...builtSeeds(), ...foreignDocuments()])
  const some = async (seed: number): Promise<string> => {
    const found = []
    for (let index = 0; index < 40; index++) found.push(await cases.run(seed, index))
    return JSON.stringify(found)
  }
  const first = await some(1)
  expect(await some(1)).toBe(first)
  expect(await some(2)).not.toBe(first)
  expect(first).not.toContain('FINDING')
})

test('changes differ, and none gives the bytes back but by chance', () => {
  const made = Array.from({ length: 300 }, (_, n) =>
    change(manifest.content, Buffer.from('other'), new Random(1, String(n))).toString('latin1'),
  )
  expect(new Set(made).size).toBeGreaterThan(200)
  expect(made.some((text) => text.includes('__proto__'))).toBe(true)
  expect(change(Buffer.alloc(0), Buffer.alloc(0), new Random(1, 'x'))).toBeInstanceOf(Buffer)
})

test('every seed of ours gives a package, a gap or a name of the system', () => {
  for (const { path, content, beside, wrap } of builtSeeds().filter(
    ({ name }) => !/etc\/|os-release|stray|copyright|\.list$|tool$|esm/.test(name),
  )) {
    const { packages, gaps } = catalogueOf({ ...beside, [path]: wrap?.(content) ?? content }).catalogue
    expect([path, packages.length + gaps.length > 0]).toEqual([path, true])
  }
})

test('a cataloger that no seed reaches is named', () => {
  expect(unreached([manifest])).toContain('dpkg')
  expect(unreached([manifest])).not.toContain('npm')
  expect(unreached(builtSeeds())).not.toContain('yarn-pnp')
})

test('a run that reads nothing has shown nothing', () => {
  const tally = emptyTally()
  add(tally, { seeds: 1, cases: 8, read: 1, refused: 7, findings: [] })
  expect(isGood(tally)).toBe(false)
  add(tally, { seeds: 1, cases: 2, read: 2, refused: 0, findings: [] })
  expect(isGood(tally)).toBe(true)
  add(tally, { seeds: 1, cases: 1, read: 0, refused: 0, findings: [{ index: 0, name: 'x', why: 'y' }] })
  expect(isGood(tally)).toBe(false)
})

test.each(foreignDocuments())('the unchanged document $name is read', async ({ content }) => {
  await expect(readSbom(content, 'x')).resolves.toMatchObject({ packages: expect.anything() as unknown })
})
