import { isObject, nestsDeeper, parseJson } from '../../../base/json.ts'
import { inflateZlib } from '../../binary/inflate.ts'
import { isExecutable, tryExecutables, wholeExecutable } from '../../binary/open.ts'
import { malformed } from '../../binary/view.ts'
import { wasmMagic, wasmSection } from '../../binary/wasm.ts'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'

/** Most bytes of the inflated list: a program of a thousand crates has 100 KiB. */
const limit = 8 << 20

/** The section of cargo-auditable, and the one of its first release. */
const sectionNames = ['.dep-v0', '.rust-deps-v0'] as const

interface Crate {
  name: string
  version: string
  source: string
  build: boolean
  root: boolean
  /** Indexes into the list. */
  dependencies: number[]
}

/** Rust crates that cargo-auditable recorded in programs and WebAssembly modules. */
export const rustBinary: Cataloger<readonly (readonly Crate[])[]> = {
  name: 'rust-binary',
  kind: 'cargo',
  finds: 'installed',
  inPlace: true,
  sameAs: () => true,
  match: { any: isExecutable, magics: [wasmMagic] },
  wants: wholeExecutable,
  read: ({ magic }, content) => {
    const sections =
      magic === wasmMagic
        ? [sectionNames.map((name) => wasmSection(content, name)).find((found) => found !== null) ?? null]
        : tryExecutables(content).map(
            (program) => sectionNames.map((name) => program.section(name)).find((found) => found !== null) ?? null,
          )
    const lists = sections.filter((found) => found !== null).map(readCrates)
    return lists.length === 0 ? null : lists
  },
  finish: (facts) => ({
    packages: [...facts].flatMap(([path, lists]) => lists.flatMap((crates) => packagesOf(crates, path))),
  }),
}

function readCrates(section: Buffer): Crate[] {
  const text = inflateZlib(section, limit, 'cargo-auditable')
  if (nestsDeeper(text, 16)) throw malformed('cargo-auditable: the JSON nests deeper than 16 levels')
  const json = parseJson(text.toString('utf8'), 'cargo-auditable')
  const list = isObject(json) ? json['packages'] : null
  if (!Array.isArray(list)) throw malformed('cargo-auditable: a list "packages" is expected')
  return list.map((item) => {
    const { name, version, source, kind, root, dependencies } = isObject(item) ? item : {}
    if (typeof name !== 'string' || name === '' || typeof version !== 'string' || !(name + version).isWellFormed())
      throw malformed('cargo-auditable: a package without name or version')
    const numbers = Array.isArray(dependencies) ? dependencies.filter((value) => typeof value === 'number') : []
    return {
      name,
      version,
      source: typeof source === 'string' ? source : '',
      build: kind === 'build',
      root: root === true,
      dependencies: numbers,
    }
  })
}

function packagesOf(crates: readonly Crate[], path: string): FoundPackage[] {
  const purls = crates.map(({ name, version }) => formatPurl({ type: 'cargo', name, version: version || undefined }))
  return crates.map((crate, i) => {
    const purl = purls[i] ?? ''
    const dependsOn = crate.dependencies.map((index) => purls[index]).filter((each) => each !== undefined)
    return {
      ...emptyPackage('cargo', 'rust-binary'),
      name: crate.name,
      version: crate.version || null,
      purl,
      locations: [path],
      dependsOn: [...new Set(dependsOn)].filter((each) => each !== purl).sort(),
      // Crates of build scripts and macros ran when the program was built; they are not in it.
      ...(crate.build ? { scope: 'build' as const } : {}),
      properties: [
        ...(crate.source === '' ? [] : [['cargo:source', crate.source] satisfies [string, string]]),
        ...(crate.root ? [['cargo:root', 'true'] satisfies [string, string]] : []),
      ],
    }
  })
}
