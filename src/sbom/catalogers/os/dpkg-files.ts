import type { OwnedFile } from '../../model.ts'
import { damaged } from './damaged.ts'
import type { Installed } from './dpkg-status.ts'

/** dpkg-divert(1): a file of every other package lies elsewhere. */
export interface Diversion {
  from: string
  to: string
  /** The package whose own file keeps the place; `:` for none. */
  by: string
}

/** What a database says of one package's files; paths are relative to its root. */
export interface FileLists {
  /** `NAME.list`. */
  list: readonly string[]
  /** `NAME.md5sums`. */
  sums: readonly (readonly [path: string, md5: string])[]
  /** `NAME.conffiles`. */
  conffiles: readonly string[]
}

/** `.list` and `.conffiles`: one absolute path a line. A flag may stand before the path of a conffile (deb-conffiles(5)). */
export function parsePaths(text: string): string[] {
  return text
    .split('\n')
    .map((line) => (line.startsWith('/') ? line.slice(1) : line.replace(/^remove-on-upgrade \/?/, '')))
    .filter((line) => line !== '' && line !== '.')
}

/** `.md5sums`: relative paths behind a sum. @throws VerificationError for a line that is none */
export function parseSums(text: string, path: string): [string, string][] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => {
      const [, value, file] = /^\\?([0-9a-f]{32}) [ *](?:\.?\/)?(.+)$/.exec(line) ?? []
      if (value === undefined || file === undefined)
        throw damaged(path, `has a line that is not an MD5 sum: ${line.slice(0, 100)}`)
      return [file, value]
    })
}

/** `diversions`: three lines each. @throws VerificationError for a file that ends within one */
export function parseDiversions(text: string, path: string): Diversion[] {
  const lines = text.split('\n')
  if (lines.at(-1) === '') lines.pop()
  if (lines.length % 3 !== 0) throw damaged(path, 'ends within a diversion')
  return lines.flatMap((_, i) => {
    if (i % 3 !== 0) return []
    const [from = '', to = '', by = ''] = lines.slice(i, i + 3)
    return [{ from: from.replace(/^\//, ''), to: to.replace(/^\//, ''), by }]
  })
}

/** Everything that a package says is its own, with sums and with diversions followed. */
export function ownedBy(
  { paragraph, name }: Installed,
  lists: FileLists,
  diversions: ReadonlyMap<string, Diversion>,
  prefix: string,
  purl: string,
): OwnedFile[] {
  const config = new Set([...lists.conffiles, ...statusConffiles(paragraph.get('conffiles'))])
  // dpkg takes a file that another package has replaced off the list; the sums stay as they came.
  const listed = lists.list.length === 0 ? null : new Set(lists.list)
  const sums = new Map(lists.sums.filter(([path]) => listed?.has(path) !== false))
  return [...new Set([...lists.list, ...sums.keys(), ...config])].map((path) => {
    const diversion = diversions.get(path)
    const place = diversion === undefined || diversion.by === name ? path : diversion.to
    const md5 = sums.get(path)
    // An image has tens of thousands of these: members that are spread into an object cost as much as all else here.
    const file: OwnedFile = { path: prefix + place, purl }
    if (md5 !== undefined) file.checksum = { algorithm: 'MD5', value: md5 }
    if (config.has(path)) file.config = true
    return file
  })
}

/** Lines of `path md5 [flag]`; a path may hold spaces. */
function statusConffiles(text: string | undefined): string[] {
  return (text ?? '').split('\n').flatMap((line) => {
    const path = /^\s*\/(.+) (?:[0-9a-f]{32}|newconffile)(?: [a-z-]+)*\s*$/.exec(line)?.[1]
    return path === undefined ? [] : [path]
  })
}
