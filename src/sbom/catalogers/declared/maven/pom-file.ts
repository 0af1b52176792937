import { childOf, childrenOf, childText, readXml, type XmlElement } from '../../../../encoding/xml.ts'

/** Group, artifact and version, as written: each may refer to properties. */
export interface Coordinates {
  group: string
  artifact: string
  version: string
}

export interface PomDependency extends Coordinates {
  scope: string
  optional: boolean
  /** `jar` unless it says another. */
  type: string
}

/** What a pom.xml says by itself. */
export interface PomFile extends Coordinates {
  parent: (Coordinates & { place: string }) | null
  properties: Map<string, string>
  dependencies: PomDependency[]
  managed: PomDependency[]
  licences: string[]
  url: string
  organisation: string
  modules: string[]
}

/** Reads a pom.xml. @throws Error for another document */
export function readPom(text: string): PomFile {
  const project = readXml(text)
  if (project.name !== 'project') throw new Error(`expected <project>, found <${project.name}>`)
  const parent = childOf(project, 'parent')
  const place = childOf(parent, 'relativePath')
  return {
    ...coordinatesOf(project),
    // An empty relativePath means that the parent is not in the tree.
    parent:
      parent === undefined
        ? null
        : { ...coordinatesOf(parent), place: place === undefined ? '../pom.xml' : place.text },
    properties: new Map((childOf(project, 'properties')?.children ?? []).map(({ name, text: value }) => [name, value])),
    dependencies: dependenciesOf(childOf(project, 'dependencies')),
    managed: dependenciesOf(childOf(project, 'dependencyManagement', 'dependencies')),
    licences: childrenOf(childOf(project, 'licenses'), 'license').map((licence) => childText(licence, 'name')),
    url: childText(project, 'url'),
    organisation: childText(childOf(project, 'organization'), 'name'),
    modules: childrenOf(childOf(project, 'modules'), 'module').map(({ text: module }) => module),
  }
}

function coordinatesOf(element: XmlElement): Coordinates {
  return {
    group: childText(element, 'groupId'),
    artifact: childText(element, 'artifactId'),
    version: childText(element, 'version'),
  }
}

function dependenciesOf(list: XmlElement | undefined): PomDependency[] {
  return childrenOf(list, 'dependency').map((element) => ({
    ...coordinatesOf(element),
    scope: childText(element, 'scope'),
    optional: childText(element, 'optional') === 'true',
    type: childText(element, 'type') || 'jar',
  }))
}
