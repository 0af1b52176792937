import { compareSides } from '../../../src/sbom/diff/compare-sides.ts'
import { levels, type Change, type Comparison } from '../../../src/sbom/diff/types.ts'
import type { DocumentPackage, SbomDocument } from '../../../src/sbom/documents/model.ts'
import { sha256 } from '../../../src/base/streams.ts'
import { file, makeDocument, pack, side } from './document.ts'

const curl = pack('pkg:deb/debian/curl@8.5.0-2?arch=amd64', {
  licence: 'curl',
  supplier: { kind: 'person', name: 'A', email: 'a@example.org' },
  checksums: [{ algorithm: 'SHA-256', value: '00' }],
  locations: ['var/lib/dpkg/status'],
})
const left = pack('pkg:npm/left-pad@1.3.0', { licence: 'WTFPL' })
const base = makeDocument([curl, left], {
  relationships: [{ from: left.id, type: 'depends-on', to: curl.id }],
})

/** The base with one package changed. */
function withPackage(which: DocumentPackage, more: Partial<DocumentPackage>): SbomDocument {
  return { ...base, packages: base.packages.map((one) => (one === which ? { ...one, ...more } : one)) }
}

/** Levels that have a change, with how many fail. */
function levelsOf({ counts }: Comparison): string[] {
  return levels.filter((level) => counts[level].fail + counts[level].warn + counts[level].ignore > 0)
}

function compare(b: SbomDocument, a: SbomDocument = base): Comparison {
  return compareSides(side(a), side(b))
}

test('equal documents are equal', () => {
  const result = compare(structuredClone(base))
  expect(result).toMatchObject({ verdict: 'equal', changes: [], unlisted: 0 })
})

const identity = base.identity
const cases: [string, SbomDocument, (typeof levels)[number], Partial<Change>][] = [
  [
    'another configuration',
    { ...base, identity: { ...identity, configDigest: sha256('x') } },
    'identity',
    { key: 'config-digest' },
  ],
  ['another layer', { ...base, identity: { ...identity, diffIds: [sha256('x')] } }, 'identity', { key: 'layers' }],
  [
    'another platform',
    { ...base, identity: { ...identity, platform: 'linux/arm64' } },
    'identity',
    { key: 'platform' },
  ],
  [
    'a package more',
    { ...base, packages: [...base.packages, pack('pkg:npm/b@1.0.0')] },
    'packages',
    { op: 'added', key: 'pkg:npm/b@1.0.0' },
  ],
  [
    'a newer version',
    withPackage(curl, { version: '8.6.0-1', purl: 'pkg:deb/debian/curl@8.6.0-1?arch=amd64' }),
    'packages',
    { op: 'upgraded', key: 'pkg:deb/debian/curl' },
  ],
  [
    'an older version',
    withPackage(curl, { version: '8.5.0~rc1-1', purl: 'pkg:deb/debian/curl@8.5.0~rc1-1?arch=amd64' }),
    'packages',
    { op: 'downgraded' },
  ],
  [
    'a version beside the purl',
    withPackage(left, { version: '1.4.0' }),
    'packages',
    { op: 'changed', key: 'pkg:npm/left-pad@1.3.0' },
  ],
  [
    'another architecture',
    withPackage(curl, { purl: 'pkg:deb/debian/curl@8.5.0-2?arch=arm64' }),
    'packages',
    { op: 'changed' },
  ],
  ['another place', withPackage(curl, { locations: ['x'] }), 'packages', { op: 'changed' }],
  [
    'another checksum',
    withPackage(curl, { checksums: [{ algorithm: 'SHA-256', value: '11' }] }),
    'attributes',
    { key: 'pkg:deb/debian/curl@8.5.0-2?arch=amd64' },
  ],
  ['no checksum', withPackage(curl, { checksums: [] }), 'attributes', {}],
  [
    'another licence',
    withPackage(curl, { licence: 'MIT' }),
    'attributes',
    { before: { licence: 'curl' }, after: { licence: 'MIT' } },
  ],
  ['no licence', withPackage(curl, { licence: null }), 'attributes', { op: 'removed' }],
  ['another supplier', withPackage(curl, { supplier: null }), 'attributes', {}],
  [
    'another distribution in the purl',
    withPackage(curl, { purl: 'pkg:deb/debian/curl@8.5.0-2?arch=amd64&distro=x' }),
    'attributes',
    {},
  ],
  ['another inventory', { ...base, inventory: sha256('x') }, 'files', { key: 'inventory' }],
  [
    'no relationship',
    { ...base, relationships: [] },
    'relationships',
    { op: 'removed', key: 'pkg:npm/left-pad@1.3.0 depends-on pkg:deb/debian/curl@8.5.0-2?arch=amd64' },
  ],
  [
    'a modified file',
    {
      ...base,
      coverage: {
        unattributed: 0,
        executables: [],
        privileged: [],
        checked: 0,
        findings: [{ path: 'bin/curl', purl: 'p', kind: 'modified' }],
      },
    },
    'integrity',
    { op: 'added', key: 'bin/curl' },
  ],
  [
    'an unowned executable',
    { ...base, coverage: { unattributed: 0, executables: ['x'], privileged: [], checked: 0, findings: [] } },
    'coverage',
    { op: 'grew' },
  ],
  [
    'a file outside of packages',
    { ...base, coverage: { unattributed: 1, executables: [], privileged: [], checked: 0, findings: [] } },
    'coverage',
    { op: 'grew' },
  ],
  [
    'a gap',
    { ...base, gaps: [{ path: 'x', kind: 'rpm', reason: 'unreadable', why: 'y' }] },
    'coverage',
    { op: 'grew' },
  ],
  ['an incomplete list', { ...base, completeness: 'incomplete' }, 'coverage', { op: 'grew' }],
]

test.each(cases)('%s is found on its own level only, and fails', (_, document, level, change) => {
  const before = level === 'files' ? { ...base, inventory: sha256('inventory') } : base
  const result = compare(document, before)
  expect(levelsOf(result)).toEqual([level])
  expect(result.verdict).toBe('differs')
  expect(result.changes).toHaveLength(1)
  expect(result.changes[0]).toMatchObject({ level, severity: 'fail', cause: 'content', ...change })
})

test.each(cases)('%s is found from the other side, too', (_, document, level) => {
  const after = level === 'files' ? { ...base, inventory: sha256('inventory') } : base
  const result = compare(after, document)
  expect({ levels: levelsOf(result), verdict: result.verdict }).toEqual({ levels: [level], verdict: 'differs' })
})

test('two platforms are never compared further', () => {
  const arm = { ...withPackage(curl, { licence: 'MIT' }), identity: { ...identity, platform: 'linux/arm64' } }
  const result = compareSides(side(base), side(arm), {
    version: 1,
    levels: Object.fromEntries(levels.map((level) => [level, 'ignore' as const])),
  })
  expect(result.verdict).toBe('differs')
  expect(result.changes).toHaveLength(1)
  expect(result.notes.join(' ')).toMatch(/two platforms/)
})

test('an image in another form is the same one', () => {
  const [a, b] = ['a', 'b'].map((text) => ({ ...base, identity: { ...identity, manifestDigest: sha256(text) } }))
  const result = compare(b ?? base, a)
  expect(result).toMatchObject({ verdict: 'equal', changes: [] })
  expect(result.notes).toEqual([expect.stringContaining('pushed in another form')])
})

test('where only manifests are known, these decide', () => {
  const [a, b] = ['a', 'b'].map((text) => ({
    ...base,
    identity: { ...identity, manifestDigest: sha256(text), configDigest: null, diffIds: [] },
  }))
  expect(compare(b ?? base, a).changes[0]).toMatchObject({ level: 'identity', key: 'manifest-digest' })
})

describe('documents of other engines', () => {
  const syft: Partial<SbomDocument> = { engine: { name: 'syft', version: '1.52.0' }, catalogers: null, coverage: null }

  test('what only tools explain warns, and what they do not state is named', () => {
    const other = { ...withPackage(curl, { licence: 'LicenseRef-x', supplier: null }), ...syft, relationships: [] }
    const result = compare(other)
    expect(result.verdict).toBe('accepted')
    expect(result.changes.map(({ level, cause }) => [level, cause])).toEqual([
      ['identity', 'tooling'],
      ['attributes', 'tooling'],
    ])
    expect(result.notCompared.map(({ what }) => what)).toEqual(
      expect.arrayContaining(['supplier', 'edges of type depends-on', 'package sums', 'files outside of all packages']),
    )
  })

  test('a package of a kind that every engine looks for is missing', () => {
    const result = compare({ ...base, ...syft, packages: [curl] })
    expect(result.verdict).toBe('differs')
    expect(result.changes[0]).toMatchObject({ level: 'packages', op: 'removed', cause: 'content' })
  })

  test("another engine's names of catalogers explain nothing", () => {
    const theirs = { ...base, ...syft, packages: [curl, { ...left, cataloger: 'javascript-package-cataloger' }] }
    const result = compareSides(side(theirs), side({ ...base, packages: [curl] }))
    expect(result.changes[0]).toMatchObject({ level: 'packages', op: 'removed', severity: 'fail', cause: 'content' })
  })

  test('a cataloger that an older version of ours lacks is tooling, one that it has is not', () => {
    const older = makeDocument([curl], { engine: { name: 'sealwright', version: '0.0.9' }, catalogers: ['dpkg'] })
    const cause = (cataloger: string): string | undefined =>
      compare({ ...base, packages: [curl, { ...left, cataloger }] }, older).changes.find(
        ({ level }) => level === 'packages',
      )?.cause
    expect([cause('npm'), cause('dpkg')]).toEqual(['tooling', 'content'])
  })

  test('a package of a kind that only one engine looks for is tooling', () => {
    const result = compare({ ...base, ...syft, packages: [...base.packages, pack('pkg:nix/x@1')] })
    expect(result.verdict).toBe('accepted')
    expect(result.changes.find(({ level }) => level === 'packages')).toMatchObject({
      op: 'added',
      cause: 'tooling',
      severity: 'warn',
    })
  })

  test('other spellings of the same package URL', () => {
    const other = withPackage(curl, { purl: 'pkg:deb/Debian/curl@8.5.0-2?distro=debian-13&arch=amd64&upstream=x' })
    expect(levelsOf(compare({ ...other, ...syft }))).toEqual(['identity'])
    const [a, b] = [pack('pkg:pypi/ruamel.yaml@1.0'), pack('pkg:pypi/Ruamel-yaml@1.0')]
    expect(levelsOf(compare(makeDocument([b], syft), makeDocument([a])))).toEqual(['identity'])
  })
})

describe('files', () => {
  const files = [
    file('bin/a', 'a', { mode: 0o755 }),
    file('etc/b'),
    { ...file('lib/c'), type: 'symlink' as const, link: 'd', sha256: undefined },
  ]
  const changed = (path: string, more: object): typeof files =>
    files.map((one) => (one.path === path ? { ...one, ...more } : one)) as typeof files

  test.each([
    [
      'content',
      changed('etc/b', { sha256: sha256('y'), size: 1 }),
      { before: { sha256: sha256('x') }, after: { sha256: sha256('y') } },
    ],
    ['mode', changed('bin/a', { mode: 0o4755 }), { before: { mode: '0755' }, after: { mode: '4755' } }],
    ['owner', changed('etc/b', { uid: 7 }), { before: { owner: '0:0' }, after: { owner: '7:0' } }],
    ['link', changed('lib/c', { link: 'e' }), { before: { link: 'd' }, after: { link: 'e' } }],
    [
      'xattrs',
      changed('bin/a', { xattrs: { 'security.capability': '01' } }),
      { before: {}, after: { 'security.capability': '01' } },
    ],
    ['added', [...files, file('z')], { op: 'added', before: null }],
    ['removed', files.slice(1), { op: 'removed', key: 'bin/a', after: null }],
  ])('%s', (_, after, change) => {
    const result = compareSides(side(base, files), side(base, after))
    expect(levelsOf(result)).toEqual(['files'])
    expect(result.changes).toMatchObject([{ severity: 'fail', ...change }])
  })

  test('two inventories without documents', () => {
    expect(compareSides(side(null, files), side(null, files)).verdict).toBe('equal')
    expect(compareSides(side(null, files), side(null, files.slice(1)))).toMatchObject({ verdict: 'differs' })
  })

  test('rules of the policy cover what they name, but no setuid file by accident', () => {
    const policy = { version: 1 as const, files: [{ path: 'var/**', severity: 'ignore' as const, reason: 'state' }] }
    const run = (more: object): Comparison =>
      compareSides(side(null, [file('var/lib/x')]), side(null, [{ ...file('var/lib/x', 'new'), ...more }]), policy)
    expect(run({})).toMatchObject({ verdict: 'equal', changes: [{ severity: 'ignore', reason: 'state' }] })
    expect(run({ mode: 0o4755 })).toMatchObject({ verdict: 'differs' })
    const named = {
      ...policy,
      files: [{ path: 'var/**', changes: ['content', 'mode'] as ('content' | 'mode')[], severity: 'warn' as const }],
    }
    expect(
      compareSides(side(null, [file('var/x')]), side(null, [file('var/x', 'y', { mode: 0o4755 })]), named).verdict,
    ).toBe('accepted')
  })
})

test('layers that are cut in another way hold the same files, and that is said', () => {
  const inventory = [file('a')]
  const other = { ...base, identity: { ...identity, configDigest: sha256('x'), diffIds: [sha256('1'), sha256('2')] } }
  const result = compareSides(side(base, inventory), side(other, inventory))
  expect(levelsOf(result)).toEqual(['identity'])
  expect(result.notes).toEqual([expect.stringContaining('cut into layers')])
})

test('a million changes are counted, and only some are listed', () => {
  const files = Array.from({ length: 50_000 }, (_, i) => file(`f/${String(i).padStart(6, '0')}`, String(i)))
  const result = compareSides(side(null, files), side(null, []))
  expect(result.counts.files.fail).toBe(50_000)
  expect(result.changes).toHaveLength(10_000)
  expect(result.unlisted).toBe(40_000)
})
