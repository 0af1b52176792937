import { SealwrightError } from '../../../src/base/errors.ts'
import { compareSides } from '../../../src/sbom/diff/compare-sides.ts'
import type { SbomDocument } from '../../../src/sbom/documents/model.ts'
import { readSbom } from '../../../src/sbom/documents/read.ts'
import type { Random } from '../../../testkit/random.ts'
import { change } from './change.ts'
import { checkDocument, checkWritten } from './checks.ts'
import type { DocumentSeed, Judged } from './types.ts'

const unchanged = new Map<DocumentSeed, SbomDocument | null>()

/** One changed document through its reader, the scores, the writers and the comparison. @throws what no reader may throw */
export async function documentCase(seed: DocumentSeed, other: Buffer, random: Random): Promise<Judged> {
  const bytes = change(seed.content, other, random)
  const document = await taken(bytes)
  if (document === null) return { outcome: 'refused', why: '' }
  const why = await wrong(seed, bytes, document, random)
  return why === '' ? { outcome: 'read', why } : { outcome: 'FINDING', why }
}

async function wrong(seed: DocumentSeed, bytes: Buffer, document: SbomDocument, random: Random): Promise<string> {
  if (random.below(8) === 0 && JSON.stringify(await readSbom(bytes, 'document')) !== JSON.stringify(document))
    return 'a second reading gives another document'
  let before = unchanged.get(seed)
  if (before === undefined) unchanged.set(seed, (before = await taken(seed.content)))
  if (before !== null) {
    const side = { label: 'side', inventory: null, inventoryDigest: null, bytes: null, regenerated: false }
    compareSides({ ...side, document: before }, { ...side, document })
  }
  return checkDocument(document, random) || checkWritten(document, random, false)
}

/** Null for a document that is refused by one of our errors. */
async function taken(bytes: Buffer): Promise<SbomDocument | null> {
  try {
    return await readSbom(bytes, 'document')
  } catch (error) {
    if (error instanceof SealwrightError) return null
    throw error
  }
}
