/** A jar's manifest: its main section, and the sections of its entries behind it (JAR File Specification). */
export type Manifest = readonly ReadonlyMap<string, string>[]

/** A line without a colon is skipped: tools write worse, and what the other lines say still holds. */
export function parseManifest(text: string): Manifest {
  const sections: Map<string, string>[] = []
  let section: Map<string, string> | null = null
  let key = ''
  for (const line of text.split(/\r\n|\n|\r/)) {
    if (line === '') {
      section = null
      key = ''
    } else if (line.startsWith(' ')) {
      if (section !== null && key !== '') section.set(key, `${section.get(key) ?? ''}${line.trim()}`)
    } else {
      const colon = line.indexOf(':')
      const name = line.slice(0, Math.max(colon, 0)).trim()
      if (name === '') continue
      if (section === null) sections.push((section = new Map()))
      key = name
      if (!section.has(key)) section.set(key, line.slice(colon + 1).trim())
    }
  }
  return sections
}

/** Of the main section, else of the first section that has it. */
export function fieldOf(manifest: Manifest, name: string): string {
  return manifest.map((section) => section.get(name) ?? '').find((value) => value !== '') ?? ''
}

const groupFields = [
  ['Group-Id', 'Bundle-SymbolicName', 'Extension-Name', 'Specification-Vendor', 'Implementation-Vendor'],
  ['Implementation-Vendor-Id', 'Implementation-Title', 'Bundle-Activator'],
] as const
const lastFields = ['Automatic-Module-Name', 'Main-Class', 'Package'] as const

/**
 * A group from the fields of a manifest that may hold one; empty where none looks like a name in reverse domain order. Of several the first in
 * the order of their text, as syft has it.
 */
export function groupOfManifest(manifest: Manifest): string {
  for (const names of [groupFields.flat(), lastFields]) {
    const found = names
      .flatMap((name) => manifest.map((section) => section.get(name) ?? ''))
      .filter((value) => /^(?:com|org|net|io|be)/.test(value))
      .map((value) => (value.split(/[;#]/)[0] ?? '').trim())
      .sort()
    if (found[0] !== undefined) return found[0] === 'org.lz4.java' ? 'org.lz4' : found[0]
  }
  return ''
}
