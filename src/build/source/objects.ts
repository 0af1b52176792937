import { createHash } from 'node:crypto'

/** One line of a tree: a file, a symlink or a submodule. */
export interface TreeFile {
  /** Path as bytes: git knows no encoding. */
  raw: Buffer
  /** Six digits, for example `100644`. */
  mode: string
  id: string
}

/** Id of a git object: its hash over `<type> <size>\0<content>`. */
export function objectId(hash: 'sha1' | 'sha256', type: 'commit' | 'tree' | 'blob', content: Uint8Array): string {
  return createHash(hash).update(`${type} ${content.length}\0`).update(content).digest('hex')
}

interface Folder {
  files: Map<string, TreeFile>
  folders: Map<string, Folder>
}

/**
 * Id of the tree that holds exactly these files, computed from the leaves upward: so a listing is proven by the commit's id
 * without believing the program that printed it.
 */
export function treeId(hash: 'sha1' | 'sha256', files: ReadonlyMap<string, TreeFile>): string {
  const top: Folder = { files: new Map(), folders: new Map() }
  for (const file of files.values()) {
    // latin1 keeps bytes apart and sorts as they do.
    const parts = file.raw.toString('latin1').split('/')
    const name = parts.pop() ?? ''
    let folder = top
    for (const part of parts) {
      let next = folder.folders.get(part)
      if (next === undefined) folder.folders.set(part, (next = { files: new Map(), folders: new Map() }))
      folder = next
    }
    folder.files.set(name, file)
  }
  return folderId(hash, top)
}

function folderId(hash: 'sha1' | 'sha256', folder: Folder): string {
  const entries = [
    ...[...folder.files].map(([name, file]) => ({ name, key: name, mode: file.mode, id: file.id })),
    // Git sorts folders as if their names ended in a slash.
    ...[...folder.folders].map(([name, child]) => ({
      name,
      key: `${name}/`,
      mode: '40000',
      id: folderId(hash, child),
    })),
  ].sort((a, b) => (a.key < b.key ? -1 : 1))
  const content = Buffer.concat(
    entries.map(({ name, mode, id }) =>
      Buffer.concat([Buffer.from(`${mode.replace(/^0/, '')} ${name}\0`, 'latin1'), Buffer.from(id, 'hex')]),
    ),
  )
  return objectId(hash, 'tree', content)
}
