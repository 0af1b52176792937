import { mkdir } from 'node:fs/promises'
import { join } from 'node:path'
import type { InventoryEntry } from '../../../image/types.ts'
import { mergeEngines } from '../../../sbom/engines/merge.ts'
import type { Catalogue } from '../../../sbom/model.ts'
import { TreeCopy } from '../../../sbom/subjects/tree/copy.ts'
import type { Tap } from '../../../sbom/subjects/tree/pass.ts'
import type { TreeKind } from '../../../sbom/subjects/types.ts'
import type { TaskContext } from '../../context.ts'
import type { EnginesUsed } from '../describe.ts'
import type { EngineRequest } from '../request.ts'
import { withSyft } from './syft.ts'

/** What a reading of a tree gives to the engines. */
interface ReadTree {
  catalogue: Catalogue
  pass: { inventory: readonly InventoryEntry[] }
}

/**
 * Reads a tree by the engines asked for. syft gets a copy of the very bytes that our own pass hashed, which is written while they flow by: a
 * folder may change between two readings, and a worker sees no path of the job (TRUST §4).
 *
 * @param read our own pass, with these taps on it
 * @throws InputError `tool-missing`, `unsupported`; TransportError `tool-failed`; else as `read`
 */
export async function readByEngines<T extends ReadTree>(
  engine: EngineRequest,
  kind: TreeKind,
  context: TaskContext,
  read: (taps: readonly Tap[]) => Promise<T>,
): Promise<T & { engines: EnginesUsed | null }> {
  const { name } = engine
  if (name === 'builtin') return { ...(await read([])), engines: null }
  return withSyft(engine, context, async ({ folder, scan }) => {
    const root = join(folder, 'tree')
    await mkdir(root)
    const copy = new TreeCopy(root)
    const found = await read([copy]).finally(() => copy.close())
    copy.finish(found.pass.inventory)
    // What is installed, as our own catalogers look for; of a source what it declares, which is syft's default for a folder.
    const options = kind === 'source' ? [] : ['--override-default-catalogers', 'image']
    const { document, facts } = await scan({ folder: root, as: 'read', scheme: 'dir', options })
    const { catalogue, only } = mergeEngines(found.catalogue, document, name)
    return { ...found, catalogue, engines: { facts: [facts], only } }
  })
}
