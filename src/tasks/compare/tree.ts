import { basename } from 'node:path'
import { InputError, InternalError } from '../../base/errors.ts'
import { collect } from '../../base/streams.ts'
import { formatFacts, type SbomFormat } from '../../sbom/formats/names.ts'
import type { TaskContext } from '../context.ts'
import { inventoryFile } from '../sbom/documents.ts'
import { folderKinds, type FolderKind } from '../sbom/request.ts'
import { sbom } from '../sbom/task.ts'

/** A folder as the user names it: `directory:PATH`. */
export interface NamedTree {
  kind: FolderKind
  path: string
}

/** Largest document that is kept. */
const limit = 1 << 30

/** Reads `directory:PATH`, `source:PATH`, `model:PATH` or `dataset:PATH`; null for another text. */
export function namedTree(text: string): NamedTree | null {
  const colon = text.indexOf(':')
  const kind = folderKinds.find((name) => name === text.slice(0, colon))
  if (kind === undefined) return null
  const path = text.slice(colon + 1)
  if (path !== '') return { kind, path }
  throw new InputError('input-invalid', `"${text}" names no folder`, {
    subject: text,
    remedy: `Write ${kind}:PATH with the path of a folder.`,
  })
}

/** Describes a folder anew, as the action `sbom` does: its document in one format, and its file inventory. */
export async function treeDocuments(
  { kind, path }: NamedTree,
  format: SbomFormat,
  context: TaskContext,
): Promise<{ document: Buffer; inventory: Buffer }> {
  const found = new Map<string, Buffer>()
  const caller: TaskContext['caller'] = {
    ...context.caller,
    deliver: async (name, bytes) => void found.set(name, await collect(bytes, limit, name)),
  }
  await sbom.run(
    {
      subject: { kind, name: basename(path) || kind, path, exclude: [] },
      describe: { formats: [format], epoch: null, author: null, supplier: null, incomplete: 'warn' },
      keys: { decryptionKey: false, kbs: null },
      engine: { name: 'builtin', program: null },
    },
    { ...context, caller },
  )
  const [document, inventory] = [found.get(formatFacts[format].file), found.get(inventoryFile)]
  if (document === undefined || inventory === undefined) throw new InternalError('the description gave no document')
  return { document, inventory }
}
