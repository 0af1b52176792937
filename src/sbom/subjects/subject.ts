import type { InventoryEntry } from '../../image/types.ts'
import { treeDigest } from './tree/digest.ts'
import type { Lifecycle, Subject, TreeKind } from './types.ts'

/** The lifecycle that a kind of tree is described in: source before it is built, all else as it was found. */
const lifecycles: Readonly<Record<TreeKind, Lifecycle>> = {
  directory: 'post-build',
  source: 'pre-build',
  disk: 'post-build',
  model: 'post-build',
  dataset: 'post-build',
}

/** A tree of files as the subject of documents, by its contents alone. */
export function treeSubject(kind: TreeKind, name: string, inventory: readonly InventoryEntry[]): Subject {
  const digest = treeDigest(inventory)
  return {
    kind,
    name,
    version: null,
    digest,
    checksums: [{ algorithm: 'SHA-256', value: digest.slice('sha256:'.length) }],
    identifiers: [['tree-digest', digest]],
    lifecycle: lifecycles[kind],
    download: null,
  }
}
