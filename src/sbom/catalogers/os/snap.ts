import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import { systemPurl } from './system-purl.ts'

const limit = 16 << 20
const place = /(?:^|\/)(?:usr\/share\/snappy\/dpkg\.yaml|snap\/manifest\.yaml)$/

/** Debian packages that a snap was built from, by the lists that snapcraft leaves in it. */
export const snap: Cataloger<string[]> = {
  name: 'snap',
  kind: 'snap',
  finds: 'installed',
  match: { names: ['dpkg.yaml', 'manifest.yaml'] },
  wants: ({ path }) => (place.test(path) ? limit : 0),
  read: ({ name }, content) =>
    listOf(content.toString('utf8'), name === 'dpkg.yaml' ? 'packages' : 'primed-stage-packages'),
  finish: (facts, { os }) => {
    const packages = [...facts].flatMap(([path, list]) =>
      list.flatMap((item) => {
        const [, name, arch = '', version] = /^([^:=]+)(?::([^=]+))?=(.+)$/.exec(item.trim()) ?? []
        if (name === undefined || version === undefined) return []
        const purl = systemPurl({ type: 'deb', name, version, arch }, os, 'ubuntu')
        return [{ ...emptyPackage('deb', 'snap'), name, version, purl, locations: [path] }]
      }),
    )
    return { packages }
  },
}

/** The plain list that a key of the outermost mapping holds; null where there is no such key. @throws Error for a list of another form */
function listOf(text: string, key: string): string[] | null {
  const lines = text.split('\n')
  const start = lines.findIndex((line) => line.startsWith(`${key}:`))
  if (start === -1) return null
  const rest = (lines[start] ?? '').slice(key.length + 1).trim()
  if (rest === '[]') return []
  if (rest !== '') throw new Error(`has a list ${key} of another form`)
  const items: string[] = []
  for (const line of lines.slice(start + 1)) {
    const item = /^\s*- (.*)$/.exec(line)?.[1]
    if (item !== undefined) items.push(item.trim().replace(/^(['"])(.*)\1$/, '$2'))
    else if (/^\S/.test(line)) break
    else if (line.trim() !== '') throw new Error(`has a list ${key} of another form`)
  }
  return items
}
