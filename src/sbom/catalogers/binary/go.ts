import { readGoBuildInfo, type GoBuildInfo, type GoModule } from '../../binary/go-build-info.ts'
import { mainVersion } from '../../binary/go-version.ts'
import { isExecutable, tryExecutables, wholeExecutable } from '../../binary/open.ts'
import type { Cataloger } from '../../cataloger.ts'
import { emptyPackage } from '../../found.ts'
import type { FoundPackage } from '../../model.ts'
import { formatPurl } from '../../purl.ts'

interface Program extends GoBuildInfo {
  arch: string
}

/** Go modules by the build information in programs: the main module, its dependencies, and the standard library. */
export const goBinary: Cataloger<readonly Program[]> = {
  name: 'go-binary',
  kind: 'golang',
  finds: 'installed',
  inPlace: true,
  sameAs: () => true,
  match: { any: isExecutable },
  wants: wholeExecutable,
  read: (_file, content) => {
    const programs = tryExecutables(content).flatMap((program) => {
      const info = readGoBuildInfo(program)
      return info === null ? [] : [{ ...info, arch: program.arch }]
    })
    return programs.length === 0 ? null : programs
  },
  finish: (facts) => ({
    packages: [...facts].flatMap(([path, programs]) => programs.flatMap((program) => packagesOf(program, path))),
  }),
}

function packagesOf(program: Program, path: string): FoundPackage[] {
  const { main, deps } = mainOf(program)
  const [version = '', ...experiments] = program.goVersion.split(' ')
  const packages = deps.map((module) => moduleOf(module, path))
  const library = standardLibrary(version, path)
  if (library !== null) packages.push(library)
  if (main === null) return packages
  const found = moduleOf(main, path)
  const setting = (key: string): string | undefined => program.settings.find(([name]) => name === key)?.[1]
  found.properties = [
    ['golang:version', version],
    ['golang:arch', setting('GOARCH') ?? program.arch],
    ...experiments.map((text): [string, string] => ['golang:experiments', text.replace(/^X:/, '')]),
    ...(found.properties ?? []),
    ...program.settings.map(([key, value]): [string, string] => [`golang:build:${key}`, value]),
  ]
  found.dependsOn = [...new Set(packages.map(({ purl }) => purl))].filter((purl) => purl !== found.purl).sort()
  return [found, ...packages]
}

/** A program built without modules names its package only; `go build file.go` leaves the main module among the dependencies. */
function mainOf({ main, deps, path, settings }: Program): { main: GoModule | null; deps: readonly GoModule[] } {
  if (main !== null && main.path !== 'command-line-arguments') {
    const rest = deps.filter((dep) => !(dep.path === main.path && dep.version === main.version && dep.sum === main.sum))
    return { main: { ...main, version: mainVersion(main, settings) }, deps: rest }
  }
  if (main === null && path === '') return { main: null, deps }
  const local = deps.filter(({ version }) => version === '(devel)')
  const only = local.length === 1 ? local[0] : undefined
  if (only !== undefined)
    return { main: { ...only, version: mainVersion(only, settings) }, deps: deps.filter((dep) => dep !== only) }
  const crafted = { path: path || 'command-line-arguments', version: '(devel)', sum: '', replace: null }
  return { main: { ...crafted, version: mainVersion(crafted, settings) }, deps }
}

function moduleOf(module: GoModule, path: string): FoundPackage {
  const used = module.replace ?? module
  // A replacement by a folder says where the source lay, not what it is.
  const name = /^[./]/.test(used.path) ? module.path : used.path
  const version = used.version === '' || used.version === '(devel)' ? null : used.version
  const properties: [string, string][] = []
  if (used.sum !== '') properties.push(['golang:h1', used.sum])
  if (module.replace !== null) properties.push(['golang:replaces', `${module.path}@${module.version}`])
  return {
    ...emptyPackage('golang', 'go-binary'),
    name,
    version,
    purl: golangPurl(name, version),
    locations: [path],
    ...(properties.length === 0 ? {} : { properties }),
  }
}

/** Only for released versions: `devel go1.27-…` names no version of the library. */
function standardLibrary(goVersion: string, path: string): FoundPackage | null {
  const version = /^go(\d+\.\d+\S*)$/.exec(goVersion)?.[1]
  if (version === undefined) return null
  return {
    ...emptyPackage('golang', 'go-binary'),
    name: 'stdlib',
    version,
    purl: golangPurl('stdlib', version),
    licence: 'BSD-3-Clause',
    locations: [path],
  }
}

function golangPurl(path: string, version: string | null): string {
  const slash = path.lastIndexOf('/')
  const [namespace, name] =
    slash > 0 && slash < path.length - 1 ? [path.slice(0, slash), path.slice(slash + 1)] : [undefined, path]
  return formatPurl({ type: 'golang', namespace, name, version: version ?? undefined })
}
