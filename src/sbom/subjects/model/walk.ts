import { realpath, stat } from 'node:fs/promises'
import { InputError } from '../../../base/errors.ts'
import type { InventoryEntry } from '../../../image/types.ts'
import { openLocalTree } from '../tree/local.ts'
import { passTree } from '../tree/pass.ts'
import { omsIgnores } from './oms.ts'

/** A model's folder as it is hashed. */
export interface ModelFolder {
  /** Without what is ignored. */
  inventory: InventoryEntry[]
  /** What a signature by files cannot cover: links, devices, what this user cannot read. */
  uncovered: string[]
  /** Ignored paths that are there. */
  ignored: string[]
}

/**
 * Hashes the files of a model's folder.
 *
 * @param ignored paths that are left out, with all below them
 * @param proc `/proc`
 * @throws InputError `file-missing`, `file-invalid` for a folder that changes meanwhile
 */
export async function readModelFolder(path: string, ignored: readonly string[], proc: string): Promise<ModelFolder> {
  const left = new Set<string>()
  const takes = (inner: string): boolean => {
    const isLeft = omsIgnores(ignored, inner)
    if (isLeft) left.add(inner)
    return !isLeft
  }
  const tree = await openLocalTree({ root: await rootOf(path), proc, takes, attributes: 'git' })
  const { inventory, gaps } = await passTree(tree, [])
  const others = inventory.filter(({ type }) => type !== 'file' && type !== 'dir').map((entry) => entry.path)
  const uncovered = new Set([...others, ...gaps.map((gap) => gap.path)])
  return { inventory, uncovered: [...uncovered].sort(), ignored: [...left].sort() }
}

async function rootOf(path: string): Promise<string> {
  const info = await stat(path).catch((cause: unknown) => {
    throw new InputError('file-missing', `"${path}" cannot be read`, {
      subject: path,
      cause,
      remedy: 'Name the folder of the model.',
    })
  })
  if (!info.isDirectory())
    throw new InputError('file-invalid', `"${path}" is not a folder`, {
      subject: path,
      remedy: 'Name the folder of the model.',
    })
  return realpath(path)
}
