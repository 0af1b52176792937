import type { JsonValue } from '../../../base/json.ts'
import { readYamlData } from '../../../encoding/yaml-data.ts'
import type { FoundPackage } from '../../model.ts'
import { at, items, textIn, textOr, versionIn } from '../foreign.ts'
import { lockFile } from './lock.ts'
import { packageFound } from './package-found.ts'

/** stack.yaml.lock, and the exact versions that a stack.yaml asks for beside its snapshot. */
export const stack = lockFile({
  name: 'stack',
  kind: 'hackage',
  match: { names: ['stack.yaml.lock', 'stack.yaml'] },
  read: (content, { name }) => {
    const [document] = readYamlData(textIn(content))
    if (name === 'stack.yaml') {
      const deps = at(document, 'extra-deps')
      if (deps === undefined && at(document, 'resolver') === undefined && at(document, 'snapshot') === undefined)
        throw new Error('expected "resolver" or "snapshot"')
      return deps === '' ? [] : items(deps, 'extra-deps').flatMap((entry) => hackagePackage('stack', textOr(entry)))
    }
    const packages = at(document, 'packages')
    if (packages === undefined) throw new Error('expected "packages"')
    return packages === '' ? [] : items(packages, 'packages').flatMap((entry) => completed(at(entry, 'completed')))
  },
})

function completed(entry: JsonValue | undefined): FoundPackage[] {
  const hackage = textOr(at(entry, 'hackage'))
  if (hackage !== '') return hackagePackage('stack', hackage)
  const [name, version] = [textOr(at(entry, 'name')), versionIn(at(entry, 'version'))]
  const [git, commit] = [textOr(at(entry, 'git')), textOr(at(entry, 'commit'))]
  if (name === '') throw new Error('expected "hackage" or "name"')
  return [
    packageFound('stack', 'hackage', {
      name,
      version,
      qualifiers: { vcs_url: git === '' ? undefined : `git+${git}@${commit}` },
    }),
  ]
}

/** `name-1.2.3@sha256:…,size`: the digest is of the cabal file, not of the package. */
function hackagePackage(cataloger: string, text: string): FoundPackage[] {
  const [, name, version] = /^([A-Za-z0-9][\w-]{0,200})-(\d[\d.]*)(?:@.*)?$/.exec(text) ?? []
  return name === undefined || version === undefined ? [] : [packageFound(cataloger, 'hackage', { name, version })]
}

/** cabal.project.freeze: what is constrained to one version; a package of the compiler has none here. */
export const cabal = lockFile({
  name: 'cabal-freeze',
  kind: 'hackage',
  match: { names: ['cabal.project.freeze'] },
  read: (content) => {
    const text = textIn(content)
    if (!/^constraints:/m.test(text)) throw new Error('expected "constraints:"')
    return [...text.matchAll(/(?:^|[\s,])any\.([\w-]+) ==([\w.]+)/g)].map(([, name = '', version = '']) =>
      packageFound('cabal-freeze', 'hackage', { name, version }),
    )
  },
})
