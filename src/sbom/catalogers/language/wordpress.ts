import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage, homepageOf, parseParty } from '../../found.ts'
import { declaredLicence } from '../../licence.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { nameIn } from '../foreign.ts'

/** WordPress itself reads no more of a plugin's header (`get_file_data`). */
const head = 8 << 10
const plugin = /(?:^|\/)wp-content\/plugins\/(?:([^/]+)\/)?([^/]+)\.php$/

/** WordPress plugins by the comment at the head of their main file. */
export const wordpress: Cataloger<FoundPackage> = {
  name: 'wordpress',
  kind: 'wordpress-plugin',
  finds: 'installed',
  match: { extensions: ['php'] },
  wants: ({ path }) => (plugin.test(path) ? head : 0),
  takesHead: true,
  read: ({ path }, content) => readPlugin(path, content.toString('utf8')),
  finish: (facts) => {
    const folders = new Map<string, string>()
    const packages = [...facts].map(([path, found]) => {
      if (plugin.exec(path)?.[1] !== undefined) folders.set(path.slice(0, path.lastIndexOf('/')), found.purl)
      return { ...found, locations: [path] }
    })
    return { packages, folders }
  },
}

/** Null for the other files of a plugin: only its main file has a name. */
function readPlugin(path: string, text: string): FoundPackage | null {
  const fields = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const [, name, value] =
      /^(?:[ \t]*<\?php)?[ \t/*#@]*(plugin name|version|author|author uri|plugin uri|license):(.*)$/i.exec(line) ?? []
    if (name !== undefined && value !== undefined && !fields.has(name.toLowerCase()))
      fields.set(name.toLowerCase(), value.replace(/\s*(?:\*\/|\?>).*$/, '').trim())
  }
  const field = (name: string): string => fields.get(name) ?? ''
  if (field('plugin name') === '') return null
  const name = nameIn(field('plugin name'), 'name')
  const version = field('version') === '' ? null : nameIn(field('version'), 'version')
  const [, folder, file = ''] = plugin.exec(path) ?? []
  return {
    ...emptyPackage('wordpress-plugin', 'wordpress'),
    ...declaredLicence(field('license')),
    name,
    version,
    // No purl type is defined for them; the folder is the name that wordpress.org knows.
    purl: formatPurl({
      type: 'generic',
      namespace: 'wordpress-plugin',
      name: folder ?? file,
      version: version ?? undefined,
    }),
    supplier: parseParty(field('author')),
    homepage: homepageOf(field('plugin uri')),
  }
}
