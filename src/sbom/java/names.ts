import { fieldOf, type Manifest } from './manifest.ts'

/** A file name in two parts; empty where unknown. */
export interface ArchiveName {
  name: string
  version: string
}

const version = String.raw`(?:\d.*|build\d+.*|rc?\d+)`
const wholeVersion = new RegExp(`^${version}$`, 'i')
const otherVersion = new RegExp(`[._-](${version})$`, 'i')

/** `jackson-core-2.15.2.jar` in name and version: the version is what follows the first dash behind which one can begin. */
export function archiveName(file: string): ArchiveName {
  const dot = file.lastIndexOf('.')
  // Longer names are of no real archive.
  const stem = (dot > 0 ? file.slice(0, dot) : file).slice(0, 255)
  const words = stem.split('-')
  for (let i = 1; i < words.length; i++) {
    const rest = words.slice(i).join('-')
    if (wholeVersion.test(rest))
      return isName(words.slice(0, i)) ? { name: words.slice(0, i).join('-'), version: rest } : none
  }
  if (!isName(words)) return none
  const other = otherVersion.exec(stem)
  return other === null ? { name: stem, version: '' } : { name: stem.slice(0, other.index), version: other[1] ?? '' }
}
const none: ArchiveName = { name: '', version: '' }

function isName(words: readonly string[]): boolean {
  return words.every((word, i) => /^[a-z][\w.]*$/i.test(word) || (word === '' && i > 0))
}

/** Name of an archive without Maven's files: Felix' bundle plugin, then the file, then fields of the manifest. */
export function nameOf(manifest: Manifest, file: ArchiveName): string {
  const main = manifest[0]
  const symbolic = main?.get('Bundle-SymbolicName') ?? ''
  if (symbolic !== '' && (main?.get('Created-By') ?? '').includes('Apache Maven Bundle Plugin')) {
    // The symbolic name is `group.artifact`, unless it is the group alone.
    if (main?.get('Implementation-Vendor-Id') !== symbolic) return symbolic.split('.').at(-1) ?? ''
  }
  if (file.name !== '') return withoutGroup(file.name)
  const fields = ['Name', 'Bundle-Name', 'Short-Name', 'Extension-Name', 'Implementation-Title']
  return fields.map((name) => main?.get(name) ?? '').find((value) => value !== '') ?? ''
}

/** `org.example.tool` as a file name is group and artifact, unless it is of Eclipse, whose artifacts have dots. */
function withoutGroup(name: string): string {
  const words = name.split('.')
  const all =
    words.length > 1 &&
    !name.startsWith('org.eclipse.') &&
    words.every((word) => /^[\p{L}\p{Nl}\p{Sc}\p{Pc}]/u.test(word))
  return all ? (words.at(-1) ?? name) : name
}

const versionFields = ['Implementation-Version', 'Specification-Version', 'Plugin-Version', 'Bundle-Version'] as const

/** Version of an archive without Maven's files. */
export function versionOf(manifest: Manifest, file: ArchiveName): string {
  return file.version || (versionFields.map((name) => fieldOf(manifest, name)).find((value) => value !== '') ?? '')
}
