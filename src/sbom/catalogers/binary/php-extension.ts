import { isExecutable, tryExecutables, wholeExecutable } from '../../binary/open.ts'
import { phpModuleVersion } from '../../binary/php-module.ts'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import { formatPurl } from '../../purl.ts'

/** `usr/local/lib/php/extensions/no-debug-non-zts-20230831/redis.so`, `usr/lib/php83/modules/redis.so`. */
const place = /(?:^|\/)php[^/]*\/(?:[^/]+\/)*([^/]+)\.so$/
/** Which PHP it was built for: every extension carries it. */
const build = /^API\d{8,9},N?TS/

/** Extensions of PHP by what they tell PHP of themselves; the version is unknown where they tell none. */
export const phpExtension: Cataloger<{ version: string }> = {
  name: 'php-extension',
  kind: 'php-extension',
  finds: 'installed',
  inPlace: true,
  match: { extensions: ['so'] },
  takesHead: true,
  wants: (file) => (place.test(file.path) && isExecutable(file) ? wholeExecutable(file) : 0),
  read: ({ path }, content) => {
    const versions = tryExecutables(content).map(phpModuleVersion)
    const version = versions.find((one) => one !== null)
    // `mysqlnd 8.2.36`: some repeat their name.
    const name = `${nameOf(path)} `
    if (version !== undefined && version !== null)
      return { version: version.startsWith(name) ? version.slice(name.length) : version }
    return hasBuild(content) ? { version: '' } : null
  },
  finish: (facts) => ({
    packages: [...facts].map(([path, { version }]) => {
      const name = nameOf(path)
      return {
        ...emptyPackage('php-extension', 'php-extension'),
        name,
        version: version || null,
        purl: formatPurl({ type: 'generic', namespace: 'php', name, version: version || undefined }),
        locations: [path],
      }
    }),
  }),
}

function nameOf(path: string): string {
  return place.exec(path)?.[1] ?? ''
}

function hasBuild(content: Buffer): boolean {
  for (let at = content.indexOf('API'); at !== -1; at = content.indexOf('API', at + 1))
    if (build.test(content.toString('latin1', at, at + 16))) return true
  return false
}
