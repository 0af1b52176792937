import type { JsonValue } from '../../../base/json.ts'
import { readYamlData } from '../../../encoding/yaml-data.ts'
import { homepageOf } from '../../found.ts'
import type { FoundPackage } from '../../model.ts'
import { at, members, nameIn, objectIn, textIn, textOr, versionIn } from '../foreign.ts'
import { withoutUser } from '../language/python/direct-url.ts'
import { sumsOf } from '../sums.ts'
import { Losses } from '../losses.ts'
import { lockFile, partly } from './lock.ts'
import { packageFound } from './package-found.ts'

/** pubspec.lock of Dart and Flutter. */
export const pubspecLock = lockFile({
  name: 'pubspec-lock',
  kind: 'pub',
  match: { names: ['pubspec.lock'] },
  read: (content) => {
    const [lock] = readYamlData(textIn(content))
    if (at(lock, 'packages') === undefined && at(lock, 'sdks') === undefined) throw new Error('expected "packages"')
    const packages = at(lock, 'packages')
    const losses = new Losses()
    return partly(
      members(packages === '' ? undefined : packages, 'packages').flatMap(
        ([name, entry]) => losses.try(name, () => lockedPackage(name, objectIn(entry))) ?? [],
      ),
      losses,
    )
  },
})

/** Registries whose address says nothing. */
const standard = /^https?:\/\/(?:pub\.dartlang\.org|pub\.dev)\/?$/

function lockedPackage(name: string, entry: JsonValue): FoundPackage {
  const version = nameIn(at(entry, 'version'), 'version')
  const address = textOr(at(entry, 'description', 'url'))
  const source = textOr(at(entry, 'source'))
  const commit = textOr(at(entry, 'description', 'resolved-ref'))
  return packageFound('pubspec-lock', 'pub', {
    name,
    // A package of the SDK has the placeholder 0.0.0.
    version: source === 'sdk' ? null : version,
    qualifiers: {
      hosted_url: source === 'hosted' && !standard.test(address) ? withoutUser(address) : undefined,
      vcs_url: source === 'git' ? `${withoutUser(address)}${commit === '' ? '' : `@${commit}`}` : undefined,
    },
    checksums: sumsOf('sha256', textOr(at(entry, 'description', 'sha256'))),
    scope: textOr(at(entry, 'dependency')) === 'direct dev' ? 'development' : undefined,
  })
}

/** pubspec.yaml: the package itself. */
export const pubspec = lockFile({
  name: 'pubspec',
  kind: 'pub',
  match: { names: ['pubspec.yaml', 'pubspec.yml'] },
  read: (content) => {
    const [manifest] = readYamlData(textIn(content))
    const found = packageFound('pubspec', 'pub', {
      name: nameIn(at(manifest, 'name'), 'name'),
      version: versionIn(at(manifest, 'version')),
    })
    return [{ ...found, homepage: homepageOf(textOr(at(manifest, 'homepage'))) }]
  },
})
