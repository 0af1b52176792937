import { createHash } from 'node:crypto'
import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { passImage } from '../../src/image/pass.ts'
import type { Image } from '../../src/image/types.ts'
import type { Store } from '../../src/oci/types.ts'

/** A root file system, a line a path: kind, mode, owner, size, and content or target. Hard links count as the files that they are. */
export type Tree = ReadonlyMap<string, string>

/** What is unpacked in a folder. */
export function treeOf(root: string): Tree {
  const lines = new Map<string, string>()
  const visit = (path: string): void => {
    for (const name of readdirSync(join(root, path)).sort()) {
      const inside = path === '' ? name : `${path}/${name}`
      const stat = lstatSync(join(root, inside))
      const owner = `${(stat.mode & 0o7777).toString(8)} ${stat.uid}:${stat.gid}`
      if (stat.isDirectory()) lines.set(inside, `dir ${owner}`)
      else if (stat.isSymbolicLink()) lines.set(inside, `symlink ${readlinkSync(join(root, inside))}`)
      else if (stat.isFile())
        lines.set(inside, `file ${owner} ${stat.size} ${digest(readFileSync(join(root, inside)))}`)
      else lines.set(inside, `other ${owner}`)
      if (stat.isDirectory()) visit(inside)
    }
  }
  visit('')
  return lines
}

/** What our inventory says of an image. */
export async function treeOfImage(store: Store, image: Image): Promise<Tree> {
  const { inventory } = await passImage(store, image, [])
  return new Map(
    [...inventory].map(({ path, type, mode, uid, gid, size, sha256 = '', link = '' }) => {
      const owner = `${mode.toString(8)} ${uid}:${gid}`
      if (type === 'dir') return [path, `dir ${owner}`]
      if (type === 'symlink') return [path, `symlink ${link}`]
      if (type === 'file' || type === 'hardlink') return [path, `file ${owner} ${size} ${sha256}`]
      return [path, `other ${owner}`]
    }),
  )
}

/** Paths that differ, with both lines. */
export function differences(one: Tree, other: Tree): string[] {
  const paths = [...new Set([...one.keys(), ...other.keys()])].sort()
  return paths.flatMap((path) => {
    const [a = 'missing', b = 'missing'] = [one.get(path), other.get(path)]
    return a === b ? [] : [`${path}: ${a} and ${b}`]
  })
}

function digest(bytes: Buffer): string {
  return `sha256:${createHash('sha256').update(bytes).digest('hex')}`
}
