import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { root } from '../../testkit/peers.ts'

interface Package {
  version: string
  dependencies: Record<string, string>
  devDependencies: Record<string, string>
  optionalDependencies: Record<string, string>
}

const manifest = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as Package
const documented = readFileSync(join(root, 'docs/dependencies.md'), 'utf8')

/** Packages in the table below a heading. */
function table(heading: string): string[] {
  const section = documented.split(/^## /m).find((part) => part.startsWith(heading)) ?? ''
  return [...section.matchAll(/^\| `([^`]+)` \| \S/gm)].map((match) => match[1] ?? '')
}

test.each([
  ['In `dist/`', manifest.dependencies],
  ['For development', manifest.devDependencies],
  ['Optional', manifest.optionalDependencies],
])('%s: each dependency has its reason, and each reason its dependency', (heading, packages) => {
  expect(table(heading).sort()).toEqual(Object.keys(packages).sort())
})

test('every version is exact', () => {
  const all = { ...manifest.dependencies, ...manifest.devDependencies, ...manifest.optionalDependencies }
  expect(Object.entries(all).filter(([, version]) => !/^\d+\.\d+\.\d+$/.test(version))).toEqual([])
})

test('the version in the sources is the one of the package', () => {
  const source = readFileSync(join(root, 'src/base/version.ts'), 'utf8')
  expect(source).toContain(`version = '${manifest.version}'`)
})
