import type { JsonValue } from '../../../base/json.ts'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import { declaredLicence } from '../../licence.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { at, members, nameIn, textOr, versionIn } from '../foreign.ts'
import { parentOf } from '../../../tar/paths.ts'
import { unserialize } from './php-serialized.ts'

interface Fact {
  found: FoundPackage
  files: string[]
}

/** PEAR packages and PECL extensions by the registry that `pear` and `pecl` keep, with the files that they installed. */
export const pear: Cataloger<Fact> = {
  name: 'pear',
  kind: 'pear',
  finds: 'installed',
  match: { extensions: ['reg'] },
  wants: ({ path }) => (/(?:^|\/)\.registry\/(?:\.channel\.[^/]+\/)?[^/]+\.reg$/.test(path) ? 16 << 20 : 0),
  read: (_file, content) => {
    const entry = unserialize(content)
    return { found: pearPackage(entry), files: installedFiles(entry) }
  },
  finish: (facts) => {
    const found = [...facts].map(([path, fact]) => ({ ...fact.found, locations: [path] }))
    const owned = [...facts].flatMap(
      ([
        path,
        {
          found: { name, purl },
          files,
        },
      ]) => files.filter((file) => isOwn(file, libraryOf(path), name)).map((file) => ({ path: file, purl })),
    )
    return { packages: found, owned }
  },
}

/** `LIBRARY/.registry/name.reg`, or one level deeper for another channel than PEAR's. */
function libraryOf(path: string): string {
  const folder = parentOf(path)
  return parentOf(folder.endsWith('.registry') ? folder : parentOf(folder))
}

/** The list has no sum that would still fit after installation, so it counts in the library alone, and for the extension that bears its name. */
function isOwn(file: string, library: string, name: string): boolean {
  return (
    (library !== '.' && file.startsWith(`${library}/`)) || /\/php\/(?:[^/]+\/)*([^/]+)\.so$/.exec(file)?.[1] === name
  )
}

/** package.xml 1 has plain texts, package.xml 2 groups (`version` with `release`, `license` with `_content`). */
function pearPackage(entry: JsonValue): FoundPackage {
  const name = nameIn(at(entry, 'name') ?? at(entry, 'package'), 'name')
  const version = versionIn(at(entry, 'version', 'release') ?? plain(at(entry, 'version')))
  const licence = at(entry, 'license', '_content') ?? at(entry, 'license') ?? at(entry, 'release_license')
  return {
    ...emptyPackage('pear', 'pear'),
    ...declaredLicence(textOr(licence)),
    name,
    version,
    purl: formatPurl({
      type: 'pear',
      namespace: textOr(at(entry, 'channel')) || 'pecl.php.net',
      name,
      version: version ?? undefined,
    }),
  }
}

function plain(value: JsonValue | undefined): string | undefined {
  return typeof value === 'string' ? value : undefined
}

function installedFiles(entry: JsonValue): string[] {
  return members(at(entry, 'filelist'), 'filelist')
    .map(([, file]) => textOr(at(file, 'installed_as')).replace(/^\/+/, ''))
    .filter((path) => path !== '' && !path.split('/').includes('..'))
}
