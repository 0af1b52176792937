import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'

/** The store's folder, the hash, what it is called. Nix and Guix use the same alphabet and the same form. */
const storePath = /^((?:.*?\/)??(?:nix|gnu)\/store\/([0-9a-z]{32})-([^/]+))(?:\/|$)/
/** The version begins at the first dash before a digit (Nix manual, builtins.parseDrvName). */
const versioned = /^(.*?)-(\d.*)$/

/** Packages in the stores of Nix and Guix, by the names of their folders: each holds one package and nothing else. */
export const nix: Cataloger<never> = {
  name: 'nix',
  kind: 'nix',
  finds: 'installed',
  match: {},
  wants: () => 0,
  read: () => null,
  finish: (_, { tree }) => {
    const stores = new Map<string, { hash: string; full: string }>()
    for (const { path } of tree.all()) {
      // Most files of most images end here.
      if (!path.includes('/store/')) continue
      const [, store, hash, full] = storePath.exec(path) ?? []
      if (store === undefined || hash === undefined || full === undefined) continue
      if (!/\.drv(?:\.chroot)?$|\.lock$/.test(full)) stores.set(store, { hash, full })
    }
    const packages: FoundPackage[] = []
    const folders = new Map<string, string>()
    for (const [store, { hash, full }] of stores) {
      const [, name, rest] = versioned.exec(full) ?? []
      // Without a version it is a source, a wrapper or a configuration file of the system.
      if (name === undefined || rest === undefined || name === '') continue
      const output = /-(bin|dev|doc|lib|man|out|debug|info|devdoc|static|dist|py|data)$/.exec(rest)?.[1]
      const version = output === undefined ? rest : rest.slice(0, -output.length - 1)
      const type = store.includes('gnu/store/') ? 'guix' : 'nix'
      const purl = formatPurl({ type, name, version, qualifiers: { outputhash: hash, output } })
      packages.push({ ...emptyPackage(type, 'nix'), name, version, purl, locations: [store] })
      folders.set(store, purl)
    }
    return { packages, folders }
  },
}
