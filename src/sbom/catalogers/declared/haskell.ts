import type { JsonValue } from '../../../base/json.ts'
import { readYamlData } from '../../../encoding/yaml-data.ts'
import type { FoundPackage } from '../../model.ts'
import { at, items, nameIn, objectIn, textIn, textOr } from '../foreign.ts'
import { Losses } from '../losses.ts'
import { lockFile, partly } from './lock.ts'
import { packageFound } from './package-found.ts'

/** stack.yaml.lock, and the exact versions that a stack.yaml asks for beside its snapshot. */
export const stack = lockFile({
  name: 'stack',
  kind: 'hackage',
  match: { names: ['stack.yaml.lock', 'stack.yaml'] },
  read: (content, { name }) => {
    const [document] = readYamlData(textIn(content))
    const losses = new Losses()
    if (name === 'stack.yaml') {
      const deps = at(document, 'extra-deps')
      if (deps === undefined && at(document, 'resolver') === undefined && at(document, 'snapshot') === undefined)
        throw new Error('expected "resolver" or "snapshot"')
      const found = items(deps === '' ? undefined : deps, 'extra-deps').flatMap(
        (entry, i) => losses.try(textOr(entry) || `extra-deps[${i}]`, () => extraDep(entry)) ?? [],
      )
      return partly(found, losses)
    }
    const packages = at(document, 'packages')
    if (packages === undefined) throw new Error('expected "packages"')
    const found = items(packages === '' ? undefined : packages, 'packages').flatMap((entry, i) => {
      const done = at(entry, 'completed')
      const name = textOr(at(done, 'hackage')) || textOr(at(done, 'name')) || `packages[${i}]`
      return losses.try(name, () => completed(objectIn(done))) ?? []
    })
    return partly(found, losses)
  },
})

/** Any other text than `name-1.2.3` is a folder, or an archive. Like a repository it has no name here, but in the stack.yaml.lock beside. */
function extraDep(entry: JsonValue): FoundPackage[] {
  if (typeof entry === 'string' && entry !== '') return exactName.test(entry) ? [hackagePackage('stack', entry)] : []
  if (!repositories.some((kind) => at(entry, kind) !== undefined)) throw new Error('expected name-version or a place')
  return []
}

const repositories = ['git', 'github', 'hg', 'archive', 'url', 'location']
const exactName = /^([A-Za-z0-9][\w-]{0,200})-(\d[\d.]*)(?:@.*)?$/

function completed(entry: JsonValue): FoundPackage[] {
  const hackage = textOr(at(entry, 'hackage'))
  if (hackage !== '') return [hackagePackage('stack', hackage)]
  const [name, version] = [textOr(at(entry, 'name')), nameIn(at(entry, 'version'), 'version')]
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
function hackagePackage(cataloger: string, text: string): FoundPackage {
  const [, name, version] = exactName.exec(text) ?? []
  if (name === undefined || version === undefined) throw new Error('expected name-version')
  return packageFound(cataloger, 'hackage', { name, version })
}

/** cabal.project.freeze: what is constrained to one version; a package of the compiler has none here. */
export const cabal = lockFile({
  name: 'cabal-freeze',
  kind: 'hackage',
  match: { names: ['cabal.project.freeze'] },
  read: (content) => {
    const text = textIn(content)
    if (!/^constraints:/m.test(text)) throw new Error('expected "constraints:"')
    const losses = new Losses()
    const found = [...text.matchAll(/(?:^|[\s,])any\.([^,\n]+)/g)].flatMap(([, constraint = '']) => {
      const [name = '', ...rest] = constraint.trim().split(/\s+/)
      const exact = rest.join('')
      return exact === 'installed' ? [] : (losses.try(name, () => [exactPackage(name, exact)]) ?? [])
    })
    return partly(found, losses)
  },
})

function exactPackage(name: string, constraint: string): FoundPackage {
  const version = /^==([\w.]+)$/.exec(constraint)?.[1]
  if (version === undefined || !/^[\w-]+$/.test(name)) throw new Error('expected any.name ==version')
  return packageFound('cabal-freeze', 'hackage', { name, version })
}
