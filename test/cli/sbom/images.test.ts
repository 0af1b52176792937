import { levels, type Change } from '../../../src/sbom/diff/types.ts'
import type { DiffResult } from '../../../src/sbom/diff/result.ts'
import { diffResultSchema } from '../../../src/sbom/diff/result-schema.ts'
import { makeImage, type MadeImage, type Short } from '../../image/make-image.ts'
import { edited, encrypted, indexOf, layers, recompressed, referenceOf } from '../../sbom/diff/images.ts'
import { door, type Answer } from '../tee/door.ts'

let made: MadeImage
let first: string
beforeAll(async () => {
  made = await makeImage(layers)
  first = referenceOf(made)
})

async function diff(...args: string[]): Promise<Answer<DiffResult>> {
  const answer = await door<DiffResult>('sbom diff', ...args)
  if (answer.error === undefined) diffResultSchema.parse(answer.outputs)
  return answer
}

/** Levels with changes. */
function levelsOf({ counts }: DiffResult): string[] {
  return levels.filter((level) => counts[level].fail + counts[level].warn + counts[level].ignore > 0)
}

describe('equal images', () => {
  test.each<[string, () => Promise<MadeImage>]>([
    ['pushed again', () => makeImage(layers)],
    ['zstd', () => makeImage(layers, { compression: 'zstd' })],
    ['not compressed', () => makeImage(layers, { compression: 'none' })],
    ['as Docker writes it', () => makeImage(layers, { docker: true })],
    ['gzip of level 1', () => recompressed(1)],
    ['gzip of level 9', () => recompressed(9)],
  ])('%s', async (_, make) => {
    const other = await make()
    const { code, outputs } = await diff(first, referenceOf(other))
    expect({ code, verdict: outputs.verdict, changes: outputs.changes }).toEqual({
      code: 0,
      verdict: 'equal',
      changes: [],
    })
    const notes = outputs.parts[0]?.notes ?? []
    expect(notes).toHaveLength(other.digest === made.digest ? 0 : 1)
  })

  test('encrypted, with its key; without it, the error says what to give', async () => {
    const { reference, key } = await encrypted()
    const { code, outputs } = await diff(first, reference, '--decryption-key', key)
    expect({ code, changes: outputs.changes }).toEqual({ code: 0, changes: [] })
    expect((await diff(first, reference)).error).toMatchObject({ code: 'input-missing' })
  })
})

describe('one change in the image', () => {
  const config = { created: '2027-01-01T00:00:00Z' }
  const top = (entries: Short[]): Short[][] => [...layers, entries]
  const find = (outputs: DiffResult, level: string, key: string): Change | undefined =>
    outputs.changes.find((change) => change.level === level && change.key.startsWith(key))

  test('built at another time without an epoch: the configuration alone differs', async () => {
    const { code, outputs } = await diff(first, referenceOf(await makeImage(layers, { config })))
    expect({ code, levels: levelsOf(outputs) }).toEqual({ code: 1, levels: ['identity'] })
    expect(outputs.changes.map(({ key }) => key)).toEqual(['config-digest'])
  })

  test('the same files in other layers: identity only, and that is said', async () => {
    const { code, outputs } = await diff(first, referenceOf(await makeImage([layers.flat()])))
    expect({ code, levels: levelsOf(outputs) }).toEqual({ code: 1, levels: ['identity'] })
    expect(outputs.parts[0]?.notes.join()).toMatch(/all files are the same/)
  })

  test('files with other times: identity only', async () => {
    const later = layers.map((layer) => layer.map((entry) => ({ ...entry, mtime: 2000 })))
    expect(levelsOf((await diff(first, referenceOf(await makeImage(later)))).outputs)).toEqual(['identity'])
  })

  test.each<[string, Short[][], string, string, string[]]>([
    [
      'one byte of a packaged file',
      edited('usr/sbin/tool', { text: 'the fool' }),
      'integrity',
      'usr/sbin/tool',
      ['identity', 'files', 'integrity'],
    ],
    [
      'a packaged file removed',
      edited('usr/sbin/tool', null),
      'integrity',
      'usr/sbin/tool',
      ['identity', 'files', 'integrity'],
    ],
    [
      'a configuration file',
      edited('etc/tool.conf', { text: 'other' }),
      'files',
      'etc/tool.conf',
      ['identity', 'files'],
    ],
    ['an unowned file', edited('opt/stray', { text: 'other' }), 'files', 'opt/stray', ['identity', 'files']],
    [
      'a setuid bit',
      edited('usr/sbin/tool', { mode: 0o4755 }),
      'files',
      'usr/sbin/tool',
      ['identity', 'files', 'coverage'],
    ],
    ['an owner', edited('opt/stray', { uid: 7 }), 'files', 'opt/stray', ['identity', 'files']],
    [
      'a link',
      edited('etc/os-release', { link: '../usr/lib/./os-release' }),
      'files',
      'etc/os-release',
      ['identity', 'files'],
    ],
    [
      'an unowned executable',
      edited('opt/run', { text: '#!/bin/sh\n', mode: 0o755 }),
      'coverage',
      'unowned executable: opt/run',
      ['identity', 'files', 'coverage'],
    ],
    [
      'a package upgraded',
      edited('app/node_modules/b/package.json', {
        text: '{"name":"b","version":"1.1.0","author":{"name":"B","email":"b@example.org"}}',
      }),
      'packages',
      'pkg:npm/b',
      ['identity', 'packages', 'files'],
    ],
    [
      'a package added',
      edited('app/node_modules/c/package.json', { text: '{"name":"c","version":"1.0.0"}' }),
      'packages',
      'pkg:npm/c@1.0.0',
      ['identity', 'packages', 'files'],
    ],
    [
      'a licence',
      edited('app/node_modules/@scope/a/package.json', {
        text: '{"name":"@scope/a","version":"1.2.3","license":"MIT","author":"A Person <a@example.org> (https://example.org)","homepage":"https://example.org/a","dependencies":{"b":"^2"}}',
      }),
      'attributes',
      'pkg:npm/%40scope/a@1.2.3',
      ['identity', 'attributes', 'files'],
    ],
    [
      'a dependency',
      edited('app/node_modules/@scope/a/package.json', {
        text: '{"name":"@scope/a","version":"1.2.3","license":"(MIT OR Apache-2.0)","author":"A Person <a@example.org> (https://example.org)","homepage":"https://example.org/a"}',
      }),
      'relationships',
      'pkg:npm/%40scope/a@1.2.3 depends-on',
      ['identity', 'files', 'relationships'],
    ],
    [
      'a database that cannot be read',
      edited('app/node_modules/bad/package.json', { text: '{' }),
      'coverage',
      'not read: app/node_modules/bad/package.json',
      ['identity', 'files', 'coverage'],
    ],
    [
      'a file whose path is whited out',
      top([{ path: 'opt/.wh.stray' }]),
      'files',
      'opt/stray',
      ['identity', 'files', 'coverage'],
    ],
  ])('%s', async (_, content, level, key, expected) => {
    const { code, outputs } = await diff(first, referenceOf(await makeImage(content)))
    expect(code).toBe(1)
    expect(levelsOf(outputs)).toEqual(expected)
    expect(find(outputs, level, key)).toBeDefined()
  })

  test('the upgrade of a package goes both ways', async () => {
    const other = referenceOf(
      await makeImage(edited('app/node_modules/b/package.json', { text: '{"name":"b","version":"1.1.0"}' })),
    )
    expect(find((await diff(first, other)).outputs, 'packages', 'pkg:npm/b')).toMatchObject({ op: 'upgraded' })
    expect(find((await diff(other, first)).outputs, 'packages', 'pkg:npm/b')).toMatchObject({ op: 'downgraded' })
  })
})

describe('platforms', () => {
  test('an index is compared with an index, each platform with its own', async () => {
    const a = await indexOf(['amd64', layers], ['arm64', layers])
    const b = await indexOf(['amd64', layers], ['arm64', edited('opt/stray', { text: 'x' })])
    const { code, outputs } = await diff(a, b)
    expect(code).toBe(1)
    expect(outputs.parts.map(({ platform, verdict }) => [platform, verdict])).toEqual([
      ['linux/amd64', 'equal'],
      ['linux/arm64', 'differs'],
    ])
    expect(new Set(outputs.changes.map(({ part }) => part))).toEqual(new Set([1]))
    expect((await diff(a, b, '--platform', 'linux/amd64')).code).toBe(0)
    expect((await diff(a, b, '--platform', 'linux/arm64')).code).toBe(1)
    expect((await diff(a, b, '--platform', 'linux/s390x')).error).toMatchObject({ code: 'not-found' })
    expect((await diff(a, b, '--platform', 'arm64')).error).toMatchObject({ code: 'input-invalid' })
  })

  test('an index with a platform that the other one lacks', async () => {
    const [a, b] = [
      await indexOf(['amd64', layers], ['arm64', layers]),
      await indexOf(['amd64', layers], ['s390x', layers]),
    ]
    expect((await diff(a, b)).error).toMatchObject({
      code: 'input-invalid',
      remedy: expect.stringContaining('--platform'),
    })
  })

  test('images of two platforms are never compared further', async () => {
    const arm = await makeImage(edited('opt/stray', { text: 'x' }), { config: { architecture: 'arm64' } })
    const { code, outputs } = await diff(first, referenceOf(arm))
    expect(code).toBe(1)
    expect(outputs.changes.map(({ key }) => key)).toEqual(['platform'])
  })

  test('an index that gives an image a platform that is not its own', async () => {
    const { store, image, directory, digest } = await makeImage(layers)
    const { mediaTypes } = await import('../../../src/oci/types.ts')
    const manifests = [{ ...image.descriptor, platform: { os: 'linux', architecture: 'arm64' } }]
    const index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests }
    await store.putManifest(Buffer.from(JSON.stringify(index)), mediaTypes.index, { tag: 'index' })
    expect((await diff(`oci:${directory}:index`, `oci:${directory}@${digest}`)).error).toMatchObject({
      code: 'format-invalid',
    })
  })
})

test.each([
  ['nothing', [], 'input-missing'],
  ['one side', ['x'], 'input-missing'],
  ['a name that is nothing', ['no-such-file', 'y'], 'file-missing'],
  ['an unknown format', ['FIRST', 'FIRST', '--format', 'pdf'], 'input-invalid'],
  ['a policy that is not there', ['FIRST', 'FIRST', '--policy', 'nowhere.yml'], 'file-missing'],
  ['three words', ['a', 'b', 'c'], 'input-invalid'],
])('%s is wrong use', async (_, args, code) => {
  const answer = await diff(...args.map((arg) => (arg === 'FIRST' ? first : arg)))
  expect(answer.error).toMatchObject({ code })
  expect(answer.code).toBe(2)
})
