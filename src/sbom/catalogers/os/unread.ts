import type { Cataloger } from '../../cataloger.ts'
import type { Gap } from '../../model.ts'

/** A sign of a package manager whose database is not read: its kind, whose packages they are, and its path. */
interface Sign {
  kind: string
  what: string
  /** Last part of the path, or of its folder, for the look-up. */
  name?: string
  parent?: string
  extension?: string
  path: RegExp
}

const signs: readonly Sign[] = [
  { kind: 'xbps', what: 'Void Linux', parent: 'xbps', path: /(?:^|\/)var\/db\/xbps\/pkgdb-[^/]*\.plist$/ },
  { kind: 'swupd', what: 'Clear Linux', parent: 'bundles', path: /(?:^|\/)usr\/share\/clear\/bundles\/[^/]+$/ },
  {
    kind: 'eopkg',
    what: 'Solus',
    name: 'metadata.xml',
    path: /(?:^|\/)var\/lib\/eopkg\/package\/[^/]+\/metadata\.xml$/,
  },
  {
    kind: 'pisi',
    what: 'Pisi Linux',
    name: 'metadata.xml',
    path: /(?:^|\/)var\/lib\/pisi\/package\/[^/]+\/metadata\.xml$/,
  },
  { kind: 'flatpak', what: 'Flatpak', name: 'config', path: /(?:^|\/)var\/lib\/flatpak\/repo\/config$/ },
  {
    kind: 'snap',
    what: 'snapd',
    extension: 'snap',
    path: /(?:^|\/)var\/lib\/snapd\/(?:snaps|seed\/snaps)\/[^/]+\.snap$/,
  },
  { kind: 'freebsd', what: 'FreeBSD', name: 'local.sqlite', path: /(?:^|\/)var\/db\/pkg\/local\.sqlite$/ },
  { kind: 'openbsd', what: 'OpenBSD or pkgsrc', name: '+CONTENTS', path: /\/\+CONTENTS$/ },
  { kind: 'ipkg', what: 'ipkg', name: 'status', path: /(?:^|\/)lib\/ipkg\/status$/ },
  { kind: 'ips', what: 'Solaris', name: 'pkg5.image', path: /(?:^|\/)var\/pkg\/pkg5\.image$/ },
  { kind: 'tazpkg', what: 'SliTaz', name: 'receipt', path: /(?:^|\/)var\/lib\/tazpkg\/installed\/[^/]+\/receipt$/ },
  { kind: 'cards', what: 'NuTyX', name: 'META', path: /(?:^|\/)var\/lib\/pkg\/DB\/[^/]+\/META$/ },
  { kind: 'crux', what: 'CRUX', name: 'db', path: /(?:^|\/)var\/lib\/pkg\/db$/ },
  {
    kind: 'lfs-kiss',
    what: 'KISS Linux',
    name: 'manifest',
    path: /(?:^|\/)var\/db\/kiss\/installed\/[^/]+\/manifest$/,
  },
  {
    kind: 'bottlerocket',
    what: 'Bottlerocket',
    name: 'application-inventory.json',
    path: /(?:^|\/)usr\/share\/bottlerocket\/application-inventory\.json$/,
  },
  {
    kind: 'cos',
    what: "Google's Container-Optimized OS",
    name: 'cos-package-info.json',
    path: /(?:^|\/)etc\/cos-package-info\.json$/,
  },
  { kind: 'windows', what: 'Windows', name: 'SOFTWARE', path: /(?:^|\/)Windows\/System32\/config\/SOFTWARE$/i },
  {
    kind: 'rpm',
    what: "Azure Linux' short list",
    name: 'container-manifest-1',
    path: /(?:^|\/)var\/lib\/rpmmanifest\/container-manifest-1$/,
  },
]

/** Says of databases that we do not read that they are there: what they name is missing from the description. */
export const unread: Cataloger<Sign> = {
  name: 'unread',
  kind: 'unread',
  finds: 'installed',
  match: {
    names: named('name'),
    parents: named('parent'),
    extensions: named('extension'),
  },
  takesHead: true,
  wants: ({ path }) => (signOf(path) === undefined ? 0 : 1),
  read: ({ path }) => signOf(path) ?? null,
  finish: (facts, { tree }) => {
    const first = new Map<string, Gap>()
    for (const [path, { kind, what }] of facts) {
      // The list that rpm wrote beside it says more.
      if (kind === 'rpm' && tree.get(path.replace(/1$/, '2')) !== undefined) continue
      const why = `packages of ${what} are not read`
      // One for each kind: a database may have a file per package.
      if (!first.has(kind)) first.set(kind, { path, kind, reason: 'unsupported', why })
    }
    return { packages: [], gaps: [...first.values()] }
  },
}

function named(key: 'name' | 'parent' | 'extension'): string[] {
  return [...new Set(signs.map((sign) => sign[key]).filter((name) => name !== undefined))]
}

function signOf(path: string): Sign | undefined {
  return signs.find((sign) => sign.path.test(path))
}
