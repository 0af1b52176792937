import { importsOf, type Source } from './sources.ts'

/** Members of package.json that name packages. */
export interface Manifest {
  readonly dependencies: Readonly<Record<string, string>>
  readonly devDependencies: Readonly<Record<string, string>>
}

interface Row {
  readonly name: string
  readonly used: string
}

const page = 'docs/dependencies.md'
const later = 'not yet in src'
/** How a package for development may be used without an import. */
const unimported = /^(?:program|types)$/

/**
 * Where packages are imported: top folders, or a file of the root. Scripts in plain JavaScript also load packages by other ways than an
 * import, so there the quoted name of a known package is enough.
 */
export function importers(sources: readonly Source[], known: readonly string[]): Map<string, Set<string>> {
  const found = new Map<string, Set<string>>()
  const add = (specifier: string, path: string): void => {
    const name = /^(?:@[\w.-]+\/)?[\w.-]+/.exec(specifier)?.[0]
    if (name === undefined || specifier.startsWith('node:')) return
    found.set(name, (found.get(name) ?? new Set()).add(path.split('/')[0] ?? ''))
  }
  for (const source of sources) {
    const { path, text } = source
    if (!/^(?:(?:src|test|testkit|tools|scripts|bench)\/.*|[^/]+)\.m?[tj]s$/.test(path)) continue
    for (const { specifier, target } of importsOf(source)) if (target === null) add(specifier, path)
    if (!path.endsWith('.ts')) for (const name of known) if (quoted(name).test(text)) add(name, path)
  }
  return found
}

/** As an argument or a list's item; the value of an option is not a package. */
function quoted(name: string): RegExp {
  return new RegExp(String.raw`(?<!: )'${name.replace(/[.]/g, String.raw`\.`)}'`)
}

/** Rows of the table below a heading: the package, and where it is imported. */
export function table(text: string, heading: string): Row[] {
  const section = text.split(/^## /m).find((part) => part.startsWith(heading)) ?? ''
  return [...section.matchAll(/^\| `([^`]+)` \| ([^|]*[^|\s]) \| \S/gm)].map(([, name = '', used = '']) => ({
    name,
    used,
  }))
}

/** Compares package.json, docs/dependencies.md and what is really imported: dead, missing and misplaced dependencies. */
export function checkDependencies(sources: readonly Source[], manifest: Manifest): string[] {
  const text = sources.find(({ path }) => path === page)?.text ?? ''
  const shipped = Object.keys(manifest.dependencies)
  const declared = [...shipped, ...Object.keys(manifest.devDependencies)]
  const real = importers(sources, declared)
  const folders = (name: string): string => [...(real.get(name) ?? [])].sort().join(', ')
  const rows = [...table(text, 'In `dist/`'), ...table(text, 'For development')]
  return [
    // A test writes modules as text; what it imports in them is not imported by us.
    ...[...real]
      .filter(([name, places]) => !declared.includes(name) && places.has('src'))
      .map(([name]) => `${name} is imported in src and is not in package.json`),
    ...declared.flatMap((name) => {
      const row = rows.find((each) => each.name === name)
      if (row === undefined) return [`${page}: ${name} has no row with the place where it is imported`]
      const inSrc = real.get(name)?.has('src') === true
      if (inSrc && !shipped.includes(name)) return [`${name} is imported in src: it belongs into "dependencies"`]
      if (folders(name) === '' && !shipped.includes(name)) {
        return unimported.test(row.used) ? [] : [`${name} is imported nowhere: remove it`]
      }
      const expected = [folders(name), ...(shipped.includes(name) && !inSrc ? [later] : [])].filter(
        (part) => part !== '',
      )
      return row.used === expected.join('; ')
        ? []
        : [`${page}: ${name}: found "${row.used}", expected "${expected.join('; ')}"`]
    }),
  ]
}
