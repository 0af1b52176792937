import type { Cataloger, FileHead } from '../../../cataloger.ts'
import { homepageOf, parseParty } from '../../../found.ts'
import { declaredLicences } from '../../../licence.ts'
import type { FoundPackage } from '../../../model.ts'
import { textIn } from '../../foreign.ts'
import { Losses } from '../../losses.ts'
import { gapOf, isOfDependency, lockLimit } from '../lock.ts'
import { packageFound } from '../package-found.ts'
import { ownCoordinates, PomTree, resolveAll, resolved, type Effective } from './effective.ts'
import { readPom, type Coordinates, type PomDependency, type PomFile } from './pom-file.ts'

/** Projects and their dependencies by pom.xml: versions from properties, parents and imports in the same tree; others are unknown. */
export const pom: Cataloger<PomFile> = {
  name: 'pom',
  kind: 'maven',
  finds: 'declared',
  match: { names: ['pom.xml'], extensions: ['pom'] },
  wants: (file) => (isOfDependency(file) || isOfBuild(file) ? 0 : lockLimit),
  read: (_file, content) => readPom(textIn(content)),
  finish: (facts) => {
    const tree = new PomTree(facts)
    const found = [...facts].map(([path, file]) => {
      const losses = new Losses()
      return { path, packages: packagesOf(tree.effective(file), losses), losses }
    })
    return {
      packages: found.flatMap(({ path, packages }) => packages.map((one) => ({ ...one, locations: [path] }))),
      gaps: found.flatMap(({ path, losses }) => gapOf(path, 'maven', losses.why)),
    }
  },
}

/** What a build has copied is that of the sources. */
function isOfBuild({ path }: FileHead): boolean {
  return /(?:^|\/)target\/(?:classes|maven-archiver|test-classes)\//.test(path)
}

/** What a property puts into a name is known only here: one that none can have costs its own entry. */
function packagesOf(effective: Effective, losses: Losses): FoundPackage[] {
  const entries = effective.line.flatMap(({ dependencies }) => dependencies)
  const needs = new Map<string, FoundPackage>()
  for (const entry of entries) {
    const { key, read } = dependency(entry, effective)
    const found = losses.try(`dependency ${key}`, () => named(read()))
    if (found !== undefined) needs.set(key, found)
  }
  const { group, artifact } = ownCoordinates(effective.pom)
  const root = losses.try(`project ${group}:${artifact}`, () => named(projectOf(effective)))
  const packages = [...needs.values()]
  if (root === undefined) return packages
  root.dependsOn = [...new Set(packages.map(({ purl }) => purl))].filter((purl) => purl !== root.purl).sort()
  return [root, ...packages]
}

/** Both names may stand in a parent that is not in this tree. @throws Error without them */
function named(found: FoundPackage | null): FoundPackage {
  if (found === null) throw new Error('no groupId or artifactId, here or in a parent of the same tree')
  return found
}

/** Null where a project has no name of its own: the model asks for one. */
function projectOf({ pom: file, properties }: Effective): FoundPackage | null {
  const own = ownCoordinates(file)
  const found = mavenPackage(filled(own, properties), undefined)
  return found === null
    ? null
    : {
        ...found,
        // "If multiple licenses are listed, it is assumed that the user can select any of them" (Maven's model, `licenses`).
        ...declaredLicences(file.licences, 'OR'),
        supplier: organisation(file.organisation),
        homepage: homepageOf(resolved(file.url, properties)),
      }
}

function organisation(name: string): FoundPackage['supplier'] {
  const party = parseParty(name)
  return party === null ? null : { ...party, kind: 'organization' }
}

function filled({ group, artifact, version }: Coordinates, properties: ReadonlyMap<string, string>): Coordinates {
  return {
    group: resolved(group, properties),
    artifact: resolved(artifact, properties),
    version: resolved(version, properties),
  }
}

function dependency(
  entry: PomDependency,
  { properties, managed }: Effective,
): { key: string; read: () => FoundPackage | null } {
  const own = resolveAll(entry, properties)
  const key = `${own.group}:${own.artifact}`
  const other = managed.get(key)
  const scope = own.scope || (other?.scope ?? '')
  const version = own.version || (other?.version ?? '')
  return { key, read: () => mavenPackage({ ...own, version }, scopeOf(scope, own.optional)) }
}

function scopeOf(scope: string, optional: boolean): FoundPackage['scope'] {
  if (scope === 'test') return 'development'
  return optional || scope === 'provided' || scope === 'system' ? 'optional' : undefined
}

function mavenPackage({ group, artifact, version }: Coordinates, scope: FoundPackage['scope']): FoundPackage | null {
  if (artifact === '' || group === '' || /\$\{/.test(`${group}${artifact}`)) return null
  // A range, or a reference to what is not in this tree, is no version.
  const known = /^[^\s${}[\](),]+$/.test(version) ? version : null
  return packageFound('pom', 'maven', { namespace: group, name: artifact, version: known, scope })
}
