import { emptyDocument, emptyItem } from '../../src/sbom/documents/empty.ts'
import type { DocumentPackage } from '../../src/sbom/documents/model.ts'
import { mergeEngines } from '../../src/sbom/engines/merge.ts'
import { pinnedSyft } from '../../src/sbom/engines/pins.ts'
import { emptyPackage } from '../../src/sbom/found.ts'
import type { Catalogue, FoundPackage } from '../../src/sbom/model.ts'
import { parseTools } from '../../src/runner/tools.ts'
import { testPorts } from '../../testkit/ports.ts'
import { makeImage } from '../image/make-image.ts'
import { debian } from './fixture.ts'
import { run } from './subjects/run.ts'

function found(purl: string): FoundPackage {
  const [, name = '', version] = /\/([^/@]+)@?([^?]*)/.exec(purl) ?? []
  return { ...emptyPackage('x', 'test'), name, version: version ?? null, purl, locations: ['a'] }
}

function documentPackage(purl: string): DocumentPackage {
  const { name, version, type } = found(purl)
  return { ...emptyItem(purl, name), version, type, purl }
}

function catalogue(...purls: string[]): Catalogue {
  const coverage = { unattributed: 3, executables: [], privileged: [], checked: 0, findings: [] }
  const gaps = [{ path: 'db', kind: 'rpm', reason: 'unreadable' as const, why: 'x' }]
  return { os: null, packages: purls.map(found), catalogers: ['test'], gaps, coverage }
}

test('packages are united by what they are, not by what tools add to a purl', () => {
  const own = catalogue('pkg:deb/debian/a@1?arch=amd64&distro=debian-13', 'pkg:npm/only-ours@1')
  const theirs = emptyDocument('syft-json', '16.1.10')
  theirs.packages = ['pkg:deb/debian/a@1?arch=amd64&upstream=b', 'pkg:npm/only-theirs@2', 'pkg:npm/only-ours@2'].map(
    documentPackage,
  )
  const { catalogue: both, only } = mergeEngines(own, theirs, 'both')
  expect(both.packages.map(({ purl, properties }) => [purl, properties?.at(-1)?.[1]])).toEqual([
    ['pkg:deb/debian/a@1?arch=amd64&distro=debian-13', 'builtin, syft'],
    ['pkg:npm/only-ours@1', 'builtin'],
    ['pkg:npm/only-ours@2', 'syft'],
    ['pkg:npm/only-theirs@2', 'syft'],
  ])
  expect(only).toEqual({ builtin: ['pkg:npm/only-ours@1'], syft: ['pkg:npm/only-ours@2', 'pkg:npm/only-theirs@2'] })
  // What could not be read and which files nobody owns is our own pass's word, whoever looked for packages.
  for (const engine of ['both', 'syft'] as const) {
    expect(mergeEngines(own, theirs, engine).catalogue).toMatchObject({ gaps: own.gaps, coverage: own.coverage })
  }
  expect(mergeEngines(own, theirs, 'syft').catalogue.packages).toHaveLength(3)
})

test('a package without a purl keeps its name and version', () => {
  const theirs = emptyDocument('syft-json', '16.1.10')
  theirs.packages = [{ ...documentPackage('pkg:npm/x@1'), purl: null, name: 'tool', version: null }]
  expect(mergeEngines(catalogue(), theirs, 'both').only.syft).toEqual(['pkg:generic/tool'])
})

test('each pinned release is a pinned tool, and other machines have none', () => {
  for (const architecture of ['x64', 'arm64']) {
    const pinned = pinnedSyft('linux', architecture)
    const line = `syft@${pinned?.version}=sha256:${pinned?.sha256} ${pinned?.url}`
    expect(parseTools([line])).toEqual([{ name: 'syft', ...pinned }])
  }
  expect(pinnedSyft('win32', 'x64')).toBeNull()
})

test.each<[string, Record<string, string>, string]>([['an engine that is none', { engine: 'trivy' }, 'input-invalid']])(
  '%s is refused',
  async (_what, given, code) => {
    const image = `oci:${(await makeImage([debian])).directory}`
    const ports = testPorts()
    const exec = { ...ports.exec, find: () => Promise.resolve('/bin/true') }
    await expect(run({ image, ...given }, { ...ports, exec })).rejects.toMatchObject({ code })
  },
)
