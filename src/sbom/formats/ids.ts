import { createHash } from 'node:crypto'
import { packageKeyOf, type DocumentPackage, type SbomDocument } from '../documents/model.ts'

/** Ids of packages and files within a written document: made of what they stand for, so that a rebuild or another order does not change them. */
export class Ids {
  private readonly names = new Map<string, string>()

  constructor({ packages, files }: SbomDocument) {
    const taken = new Map<string, number>()
    const unique = (name: string): string => {
      const count = (taken.get(name) ?? 0) + 1
      taken.set(name, count)
      return count === 1 ? name : `${name}-${count}`
    }
    for (const item of packages) this.names.set(item.id, unique(nameOf(item)))
    for (const { id, path, checksums } of files ?? []) {
      const tail = path.replace(/[^a-zA-Z0-9.-]+/g, '-').slice(-40)
      this.names.set(id, unique(`File-${tail}-${hash([path, ...checksums.map(({ value }) => value)].join('\n'))}`))
    }
  }

  /** The written id of a package or file; undefined for an id that is in the document under no package and no file. */
  get(id: string): string | undefined {
    return this.names.get(id)
  }
}

function nameOf(item: DocumentPackage): string {
  const readable = item.name.replace(/[^a-zA-Z0-9.-]+/g, '-').slice(0, 64)
  const type = (item.type ?? 'unknown').replace(/[^a-zA-Z0-9.-]+/g, '-')
  // The purl alone where there is one: it does not change when the package moves to another folder.
  const key = item.purl ?? [packageKeyOf(item), ...item.locations].join('\n')
  return `${type}-${readable}-${hash(key)}`
}

function hash(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}
