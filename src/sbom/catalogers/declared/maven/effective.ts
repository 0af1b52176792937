import type { Coordinates, PomDependency, PomFile } from './pom-file.ts'
import { placed } from '../../language/python/record.ts'

/** Parents and imports followed for one file. */
const deepest = 20
/** A property may refer to others. */
const mostReferences = 10
const longest = 2000

/** A pom.xml with what its parents in the same tree add to it. */
export interface Effective {
  pom: PomFile
  /** From the file itself to its oldest parent in the tree. */
  line: PomFile[]
  properties: Map<string, string>
  managed: Map<string, PomDependency>
}

/** All pom.xml files of a tree: they find their parents by place, or by name. */
export class PomTree {
  private readonly byPath: ReadonlyMap<string, PomFile>
  private readonly byName = new Map<string, PomFile>()
  private readonly pathOf = new Map<PomFile, string>()
  private readonly known = new Map<PomFile, Effective>()

  constructor(files: ReadonlyMap<string, PomFile>) {
    this.byPath = files
    for (const [path, pom] of files) {
      this.pathOf.set(pom, path)
      const group = pom.group || pom.parent?.group || ''
      const key = `${group}:${pom.artifact}`
      if (!this.byName.has(key)) this.byName.set(key, pom)
    }
  }

  effective(pom: PomFile, depth = 0): Effective {
    const known = this.known.get(pom)
    if (known !== undefined) return known
    const line = this.line(pom)
    const properties = new Map<string, string>()
    // The oldest first: children override.
    for (const one of line.toReversed()) for (const [name, value] of one.properties) properties.set(name, value)
    addOwn(properties, pom, line)
    const made: Effective = { pom, line, properties, managed: new Map() }
    this.known.set(pom, made)
    for (const one of line) for (const entry of one.managed) this.manage(made, entry, depth)
    return made
  }

  private manage(made: Effective, entry: PomDependency, depth: number): void {
    const resolved = resolveAll(entry, made.properties)
    const key = `${resolved.group}:${resolved.artifact}`
    if (resolved.scope === 'import') {
      const imported = this.byName.get(key)
      if (imported === undefined || depth > deepest) return
      for (const [name, one] of this.effective(imported, depth + 1).managed)
        if (!made.managed.has(name)) made.managed.set(name, one)
    } else if (!made.managed.has(key)) made.managed.set(key, resolved)
  }

  private line(pom: PomFile): PomFile[] {
    const line = [pom]
    for (let here = pom; here.parent !== null && line.length <= deepest;) {
      const next = this.parentOf(here)
      if (next === undefined || line.includes(next)) break
      line.push(next)
      here = next
    }
    return line
  }

  private parentOf(pom: PomFile): PomFile | undefined {
    const { parent } = pom
    if (parent === null) return undefined
    const path = this.pathOf.get(pom) ?? ''
    const folder = path.includes('/') ? path.slice(0, path.lastIndexOf('/')) : ''
    const place = parent.place === '' ? null : placed(folder, parent.place)
    const beside = place === null ? undefined : (this.byPath.get(place) ?? this.byPath.get(`${place}/pom.xml`))
    // The file at that place may be another project.
    return beside?.artifact === parent.artifact ? beside : this.byName.get(`${parent.group}:${parent.artifact}`)
  }
}

/** The model's own values, by which most projects refer to their version. */
function addOwn(properties: Map<string, string>, pom: PomFile, line: readonly PomFile[]): void {
  const { group, artifact, version } = ownCoordinates(pom)
  for (const prefix of ['project.', 'pom.', '']) {
    for (const [name, value] of [
      ['groupId', group],
      ['artifactId', artifact],
      ['version', version],
    ] as const)
      if (value !== '' && !properties.has(`${prefix}${name}`)) properties.set(`${prefix}${name}`, value)
  }
  const parent = line[0]?.parent
  if (parent === null || parent === undefined) return
  for (const prefix of ['project.parent.', 'parent.']) {
    properties.set(`${prefix}groupId`, parent.group)
    properties.set(`${prefix}version`, parent.version)
  }
}

/** Group and version are the parent's where a project has none of its own. */
export function ownCoordinates(pom: PomFile): Coordinates {
  return {
    group: pom.group || (pom.parent?.group ?? ''),
    artifact: pom.artifact,
    version: pom.version || (pom.parent?.version ?? ''),
  }
}

/** A dependency with its properties filled in; what cannot be resolved stays as it is. */
export function resolveAll(entry: PomDependency, properties: ReadonlyMap<string, string>): PomDependency {
  return {
    ...entry,
    group: resolved(entry.group, properties),
    artifact: resolved(entry.artifact, properties),
    version: resolved(entry.version, properties),
    scope: resolved(entry.scope, properties),
  }
}

/** Replaces `${name}` by the property. */
export function resolved(text: string, properties: ReadonlyMap<string, string>): string {
  let value = text
  for (let i = 0; i < mostReferences && value.includes('${') && value.length <= longest; i++) {
    const next = value.replace(/\$\{([^${}]{1,200})\}/g, (whole, name: string) => properties.get(name.trim()) ?? whole)
    if (next === value) break
    value = next
  }
  return value.slice(0, longest)
}
