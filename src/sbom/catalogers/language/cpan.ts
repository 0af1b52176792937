import { table } from '../../../base/table.ts'
import { baseOf, parentOf } from '../../../tar/paths.ts'
import type { InventoryEntry } from '../../../image/types.ts'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage, parseParty } from '../../found.ts'
import { spdxExpression } from '../../licence.ts'
import type { FoundPackage, OwnedFile } from '../../model.ts'
import { formatPurl } from '../../purl.ts'
import { isShared } from '../../shared-folders.ts'
import { at, jsonIn, nameIn, textIn, textOr, textsOr, versionIn } from '../foreign.ts'

type Fact =
  /** `install.json` of cpanm and others: distribution, its main module, and who published it. */
  | { is: 'install'; module: string; dist: string; version: string | null; author: string }
  | { is: 'meta'; licences: string[]; author: string }
  /** `perllocal.pod`: what `make install` did, the latest last. */
  | { is: 'log'; versions: ReadonlyMap<string, string> }
  | { is: 'list'; files: string[] }

/** Licences of CPAN's metadata (CPAN::Meta::Spec, version 2) that name one SPDX expression. */
const licences: Readonly<Record<string, string>> = table({
  apache_2_0: 'Apache-2.0',
  artistic_2: 'Artistic-2.0',
  gpl_2: 'GPL-2.0-only',
  gpl_3: 'GPL-3.0-only',
  lgpl_2_1: 'LGPL-2.1-only',
  lgpl_3_0: 'LGPL-3.0-only',
  mit: 'MIT',
  perl_5: 'Artistic-1.0-Perl OR GPL-1.0-or-later',
})

/** Distributions of CPAN by what their installers leave: `.meta` of cpanm, the lists of their files, and the log of installations. */
export const cpan: Cataloger<Fact> = {
  name: 'cpan',
  kind: 'cpan',
  finds: 'installed',
  match: { names: ['.packlist', 'perllocal.pod', 'install.json', 'MYMETA.json'] },
  wants: ({ path, name }) => (/json$/.test(name) && !/(?:^|\/)\.meta\/[^/]+\/[^/]+$/.test(path) ? 0 : 16 << 20),
  read: ({ path, name }, content) => {
    if (name === '.packlist') return moduleOf(path) === '' ? null : { is: 'list', files: filesOf(textIn(content)) }
    if (name === 'perllocal.pod') return { is: 'log', versions: logOf(textIn(content)) }
    const json = jsonIn(content)
    if (name === 'MYMETA.json')
      return { is: 'meta', licences: textsOr(json['license']), author: textsOr(json['author'])[0] ?? '' }
    const version = versionIn(json['version'])
    const dist = nameIn(json['dist'], 'dist')
    return {
      is: 'install',
      module: nameIn(json['name'], 'name'),
      dist: version !== null && dist.endsWith(`-${version}`) ? dist.slice(0, -version.length - 1) : dist,
      version,
      author: /^[A-Z]\/[A-Z][A-Z0-9]\/([A-Z0-9-]+)\//.exec(textOr(at(json, 'pathname')))?.[1] ?? '',
    }
  },
  finish: (facts, { tree }) => {
    const packages: FoundPackage[] = []
    const owned: OwnedFile[] = []
    const all = [...facts]
    const logs = new Map(
      all.flatMap(([path, fact]) => (fact.is === 'log' ? [[parentOf(path), fact.versions] as const] : [])),
    )
    /** By library folder and module, so that a second Perl has its own. */
    const purls = new Map<string, string>()
    for (const [path, fact] of all) {
      if (fact.is !== 'install') continue
      const meta = facts.get(`${parentOf(path)}/MYMETA.json`)
      const found = packageOf(fact, path, meta?.is === 'meta' ? meta : null)
      packages.push(found)
      // `LIBRARY/.meta/Foo-Bar-1.0/install.json`
      purls.set(`${parentOf(parentOf(parentOf(path)))}\0${fact.module}`, found.purl)
    }
    for (const [path, fact] of all) {
      if (fact.is !== 'list') continue
      const [module, library] = [moduleOf(path), path.slice(0, path.indexOf('/auto/'))]
      let purl = purls.get(`${library}\0${module}`)
      if (purl === undefined) {
        const version = logs.get(library)?.get(module) ?? null
        const found = packageOf({ module, dist: '', version, author: '' }, path, null)
        packages.push(found)
        purl = found.purl
      }
      const roots = rootsOf(library)
      for (const file of fact.files) if (isOwn(file, module, roots, tree.get(file))) owned.push({ path: file, purl })
    }
    return { packages, owned }
  },
}

/** `LIBRARY/auto/Foo/Bar/.packlist` is of Foo::Bar; empty for Perl's own list. */
function moduleOf(path: string): string {
  const place = /\/auto\/(.+)\/\.packlist$/.exec(path)?.[1] ?? ''
  return place.replaceAll('/', '::')
}

/** One file a line; behind the first ` key=` stand facts of it (ExtUtils::Packlist). */
function filesOf(text: string): string[] {
  return text.split('\n').flatMap((line) => {
    const facts = line.search(/ \w+=/)
    return line.startsWith('/') ? [line.slice(1, facts === -1 ? undefined : facts)] : []
  })
}

/**
 * A list has no digests, so it is believed inside of its own module only (`Foo/Bar.pm`, `Foo/Bar/…`, `auto/Foo/Bar/…`, pages of the manual), and for
 * further modules that nobody can run: a line `/usr/bin/x` would give an owner to any program.
 */
function isOwn(file: string, module: string, roots: readonly string[], entry: InventoryEntry | undefined): boolean {
  if (/(?:^|\/)man\/man3(?:pm)?\/[^/]+$/.test(file)) return true
  const own = module.replaceAll('::', '/')
  const places = roots.filter((root) => file.startsWith(`${root}/`)).map((root) => file.slice(root.length + 1))
  if (places.some((place) => [`auto/${own}/`, `${own}/`, `${own}.`].some((start) => place.startsWith(start))))
    return true
  return places.length > 0 && /\.(?:pm|pod|pl|al|ix)$/.test(file) && ((entry?.mode ?? 0) & 0o111) === 0
}

/** Where a distribution has its modules: beside the compiled ones, one folder above them, and in the `share` of Debian and Red Hat. */
function rootsOf(library: string): string[] {
  const prefix = /^(.*?)\/?lib(?:64)?\//.exec(`${library}/`)?.[1]
  const shared =
    prefix === undefined
      ? []
      : ['share/perl5', 'lib/perl5', `share/perl/${baseOf(library)}`, `share/perl5/${baseOf(library)}`].map((folder) =>
          prefix === '' ? folder : `${prefix}/${folder}`,
        )
  return [library, parentOf(library), ...shared].filter((folder) => !isShared(folder))
}

function logOf(text: string): Map<string, string> {
  const versions = new Map<string, string>()
  let module = ''
  for (const line of text.split('\n')) {
    module = /^=head2 .*C<Module> L<([\w:]+)\|/.exec(line)?.[1] ?? module
    const version = /^C<VERSION: ([^\s>]{1,100})>$/.exec(line)?.[1]
    if (version !== undefined && module !== '') versions.set(module, version)
  }
  return versions
}

/** A distribution is named with its publisher, a module without (package URLs, type `cpan`). */
function packageOf(
  { module, dist, version, author }: { module: string; dist: string; version: string | null; author: string },
  path: string,
  meta: { licences: string[]; author: string } | null,
): FoundPackage {
  const name = author === '' ? module : dist
  const said = meta?.licences ?? []
  const known = said.map((word) => licences[word])
  const licence = said.length === 1 && known[0] !== undefined ? spdxExpression(known[0]) : null
  return {
    ...emptyPackage('cpan', 'cpan'),
    name,
    version,
    purl: formatPurl({ type: 'cpan', namespace: author || undefined, name, version: version ?? undefined }),
    supplier: parseParty(meta?.author ?? ''),
    licence,
    licenceText: licence === null && said.length > 0 ? said.join(', ') : null,
    locations: [path],
  }
}
