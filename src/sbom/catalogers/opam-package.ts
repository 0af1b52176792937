import { homepageOf, parseParty } from '../found.ts'
import { declaredLicences } from '../licence.ts'
import type { FoundPackage } from '../model.ts'
import { packageFound } from './declared/package-found.ts'
import { textIn } from './foreign.ts'
import { prefixedSum } from './sums.ts'

/**
 * Reads an opam file. Its name and version stand in it, in the name of the file (`name.opam`), or in that of its folder (`name.1.0/opam`).
 *
 * @throws Error where neither says the name
 */
export function opamPackage(cataloger: string, path: string, content: Buffer): FoundPackage {
  const text = textIn(content)
  if (!/^[ \t]*opam-version[ \t]*:/m.test(text)) throw new Error('expected "opam-version"')
  const [file = '', folder = ''] = path.split('/').reverse()
  const [, folderName, folderVersion] = /^([A-Za-z0-9_+-]+)\.(.+)$/.exec(folder) ?? []
  const name =
    fieldOf(text, 'name')[0] ?? (file === 'opam' ? (folderName ?? (folder || undefined)) : file.replace(/\.opam$/, ''))
  const version = fieldOf(text, 'version')[0] ?? (file === 'opam' ? folderVersion : undefined)
  if (name === undefined) throw new Error('expected a name')
  const source = /^[ \t]*url[ \t]*\{([^}]*)\}/m.exec(text)?.[1] ?? ''
  const found = packageFound(cataloger, 'opam', {
    name,
    version: version ?? null,
    checksums: fieldOf(source, 'checksum').flatMap(prefixedSum),
  })
  return {
    ...found,
    ...declaredLicences(fieldOf(text, 'license'), 'AND'),
    supplier: parseParty(fieldOf(text, 'authors')[0] ?? fieldOf(text, 'maintainer')[0] ?? ''),
    homepage: homepageOf(fieldOf(text, 'homepage')[0] ?? ''),
  }
}

/** Quoted texts of a field: one, or a list in brackets. */
function fieldOf(text: string, name: string): string[] {
  const start = new RegExp(`^[ \\t]*${name}[ \\t]*:`, 'm').exec(text)
  if (start === null) return []
  const rest = text.slice(start.index + start[0].length).trimStart()
  const list = rest.startsWith('[') ? rest.slice(0, Math.max(0, rest.indexOf(']'))) : (rest.split('\n')[0] ?? '')
  return [...list.matchAll(/"([^"]*)"/g)].map(([, value = '']) => value)
}
