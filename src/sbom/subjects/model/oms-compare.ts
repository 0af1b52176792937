import { VerificationError } from '../../../base/errors.ts'
import type { SignedModel } from './oms-read.ts'
import type { ModelFolder } from './walk.ts'

/** How a folder differs from what was signed; paths, sorted. */
export interface ModelDifferences {
  changed: string[]
  added: string[]
  removed: string[]
  /** Links, devices and what cannot be read: a signature by files says nothing of them. */
  uncovered: string[]
}

const shownPaths = 5

/** Compares a folder with a signed model, path by path. */
export function compareModel({ files }: SignedModel, { inventory, uncovered }: ModelFolder): ModelDifferences {
  const found = new Map(
    inventory.flatMap(({ path, sha256 }) => (sha256 === undefined ? [] : [[path, sha256.slice(7)] as const])),
  )
  return {
    changed: [...files]
      .filter(([path, hex]) => found.has(path) && found.get(path) !== hex)
      .map(([path]) => path)
      .sort(),
    added: [...found.keys()].filter((path) => !files.has(path)),
    removed: [...files.keys()].filter((path) => !found.has(path)).sort(),
    uncovered,
  }
}

/** @throws VerificationError `digest-mismatch` naming what differs */
export function requireEqualModel(differences: ModelDifferences): void {
  const lines = (['changed', 'added', 'removed', 'uncovered'] as const).flatMap((kind) => {
    const paths = differences[kind]
    if (paths.length === 0) return []
    const more = paths.length > shownPaths ? ` and ${paths.length - shownPaths} more` : ''
    return [
      `${words[kind]}: ${paths
        .slice(0, shownPaths)
        .map((path) => JSON.stringify(path))
        .join(', ')}${more}`,
    ]
  })
  if (lines.length === 0) return
  throw new VerificationError('digest-mismatch', `the folder is not the model that was signed; ${lines.join('; ')}`, {
    subject: 'model',
    remedy: 'Get the model again from its source, or have it signed again.',
  })
}

const words = {
  changed: 'changed files',
  added: 'files that are not signed',
  removed: 'missing files',
  uncovered: 'neither files nor folders, or not readable',
} as const
