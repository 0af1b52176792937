import { xmlTexts } from './xml.ts'

/** What names an artifact; empty where unknown. */
export interface Coordinates {
  group: string
  artifact: string
  version: string
}

export interface Pom extends Coordinates {
  parent: Coordinates
  licences: { name: string; url: string }[]
  url: string
}

/** A Maven project file: its own coordinates, its parent's, its licences; simple `${…}` are filled in from the file itself. */
export function parsePom(text: string): Pom {
  const pom: Pom = { ...noCoordinates, parent: { ...noCoordinates }, licences: [], url: '' }
  const properties = new Map<string, string>()
  let licence = { name: '', url: '' }
  xmlTexts(text, (path, value) => {
    if (path === 'project/groupId') pom.group = value
    else if (path === 'project/artifactId') pom.artifact = value
    else if (path === 'project/version') pom.version = value
    else if (path === 'project/url') pom.url = value
    else if (path === 'project/parent/groupId') pom.parent.group = value
    else if (path === 'project/parent/artifactId') pom.parent.artifact = value
    else if (path === 'project/parent/version') pom.parent.version = value
    else if (path === 'project/licenses/license/name') licence.name = value
    else if (path === 'project/licenses/license/url') licence.url = value
    else if (path === 'project/licenses/license') {
      pom.licences.push(licence)
      licence = { name: '', url: '' }
    } else if (path.startsWith('project/properties/')) properties.set(path.slice('project/properties/'.length), value)
  })
  const known = (name: string): string | undefined =>
    ({
      'project.groupId': pom.group || pom.parent.group,
      'project.artifactId': pom.artifact,
      'project.version': pom.version || pom.parent.version,
      'project.parent.groupId': pom.parent.group,
      'project.parent.version': pom.parent.version,
    })[name] ?? properties.get(name)
  const fill = (value: string): string => {
    const filled = value.replace(/\$\{([^{}]{1,100})\}/g, (whole, name: string) => known(name) ?? whole)
    // A variable that nothing defines is no value.
    return filled.includes('${') ? '' : filled
  }
  return {
    ...pom,
    group: fill(pom.group),
    artifact: fill(pom.artifact),
    version: fill(pom.version),
    url: fill(pom.url),
    parent: { group: fill(pom.parent.group), artifact: fill(pom.parent.artifact), version: fill(pom.parent.version) },
  }
}
const noCoordinates: Coordinates = { group: '', artifact: '', version: '' }

/** `pom.properties`, which Maven puts into every jar; null where it names no artifact and version. */
export function parsePomProperties(text: string): Coordinates | null {
  const values = new Map<string, string>()
  for (const line of text.split(/\r?\n/)) {
    const trimmed = line.trim()
    if (trimmed === '' || trimmed.startsWith('#') || trimmed.startsWith('!')) continue
    const at = trimmed.search(/[=:]/)
    if (at === -1) return null
    values.set(trimmed.slice(0, at).trim(), trimmed.slice(at + 1).trim())
  }
  const found = {
    group: values.get('groupId') ?? '',
    artifact: values.get('artifactId') ?? '',
    version: values.get('version') ?? '',
  }
  return found.artifact === '' || found.version === '' ? null : found
}
