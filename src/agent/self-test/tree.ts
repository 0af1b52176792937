import { lstat, readdir, readFile, readlink } from 'node:fs/promises'
import { join } from 'node:path'

export interface Entry {
  type: 'file' | 'directory' | 'socket' | 'device' | 'link' | 'other'
  uid: number
  gid: number
  /** Permission bits, 12 of them. */
  mode: number
}

/** The machine's files as the self-test sees them: the real ones, those of an image that is unpacked somewhere, or a test's. Links are not followed. */
export interface Tree {
  entry(path: string): Promise<Entry | null>
  /** Text of a file, or null where there is none that can be read. */
  text(path: string): Promise<string | null>
  /** Names in a folder; none where there is no such folder. */
  list(path: string): Promise<string[]>
  link(path: string): Promise<string | null>
}

const longest = 1 << 20

/** @param root folder that `/` stands for */
export function fileTree(root = ''): Tree {
  const at = (path: string): string => (root === '' ? path : join(root, path))
  return {
    entry: async (path) => {
      const found = await lstat(at(path)).catch(() => null)
      if (found === null) return null
      const type = found.isFile()
        ? 'file'
        : found.isDirectory()
          ? 'directory'
          : found.isSocket()
            ? 'socket'
            : found.isCharacterDevice() || found.isBlockDevice()
              ? 'device'
              : found.isSymbolicLink()
                ? 'link'
                : 'other'
      return { type, uid: found.uid, gid: found.gid, mode: found.mode & 0o7777 }
    },
    text: async (path) => (await readFile(at(path), 'utf8').catch(() => null))?.slice(0, longest) ?? null,
    list: async (path) => (await readdir(at(path)).catch(() => [])).sort(),
    link: (path) => readlink(at(path)).catch(() => null),
  }
}
