import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import { formatPurl } from '../../purl.ts'

const limit = 4 << 20
/** The bundle's folder. */
const place = /^(.*\.app)\/Contents\/Info\.plist$/
const entities: Readonly<Record<string, string>> = { amp: '&', lt: '<', gt: '>', quot: '"', apos: "'" }

interface Bundle {
  name: string
  version: string | null
  identifier: string
}

/** Applications for macOS, by the property list of their bundle; what lies in the bundle is theirs. */
export const apple: Cataloger<Bundle> = {
  name: 'apple-app-bundle',
  kind: 'apple-app-bundle',
  finds: 'installed',
  match: { names: ['Info.plist'] },
  wants: ({ path }) => (place.test(path) ? limit : 0),
  read: (_, content) => {
    if (content.toString('latin1', 0, 6) === 'bplist') throw new Error('is a binary property list, which is not read')
    const text = content.toString('utf8')
    if (!text.includes('<plist')) throw new Error('is not a property list')
    const first = new Map<string, string>()
    for (const [, key = '', value = ''] of text.matchAll(/<key>([^<]*)<\/key>\s*<string>([^<]*)<\/string>/g))
      if (!first.has(key)) first.set(key, decode(value).trim())
    const said = (...keys: string[]): string =>
      keys.map((key) => first.get(key) ?? '').find((value) => value !== '') ?? ''
    const name = said('CFBundleDisplayName', 'CFBundleName', 'CFBundleExecutable', 'CFBundleIdentifier')
    if (name === '') throw new Error('names no application')
    const version = said('CFBundleShortVersionString', 'CFBundleVersion')
    return { name, version: version === '' ? null : version, identifier: said('CFBundleIdentifier') }
  },
  finish: (facts) => {
    const folders = new Map<string, string>()
    const packages = [...facts].map(([path, { name, version, identifier }]) => {
      // No type of package URL is defined for them.
      const purl = formatPurl({ type: 'generic', namespace: 'apple-app-bundle', name, version: version ?? undefined })
      folders.set(place.exec(path)?.[1] ?? path, purl)
      const properties: [string, string][] = identifier === '' ? [] : [['apple:identifier', identifier]]
      return {
        ...emptyPackage('apple-app-bundle', 'apple-app-bundle'),
        name,
        version,
        purl,
        locations: [path],
        properties,
      }
    })
    return { packages, folders }
  },
}

function decode(text: string): string {
  return text.replace(/&(amp|lt|gt|quot|apos);/g, (whole, name: string) => entities[name] ?? whole)
}
