import { nameBytes } from '../../../tar/names.ts'

/** The path of an entry of a tree for the file system, in bytes: names need not be UTF-8. */
export function nativePath(root: string, path: string): Buffer {
  if (path === '') return Buffer.from(root)
  return Buffer.concat([Buffer.from(root === '/' ? '/' : `${root}/`), nameBytes(path)])
}
