import { sha256 } from '../../../src/base/streams.ts'
import { InventoryDocument } from '../../../src/image/inventory-document.ts'
import type { InventoryEntry } from '../../../src/image/types.ts'
import type { Catalogue } from '../../../src/sbom/model.ts'
import { documentsOf } from '../../../src/sbom/scan.ts'
import type { Random } from '../../../testkit/random.ts'
import { catalogueOf } from './catalogue.ts'
import { change, changeWord } from './change.ts'
import { checkDocument, checkWritten } from './checks.ts'
import type { FileSeed, Judged } from './types.ts'

/** Folders whose names are legal and troublesome: what documents, identifiers and addresses must escape. */
const folders = [
  '',
  '',
  '',
  '',
  '',
  '',
  'a b/',
  'a"\\/',
  'x\n\u001b[0m/',
  '%2e%2e/',
  'é\u0301/',
  'a#?&/',
  '\u202e/',
  '__proto__/',
]
/** A catalogue says no more than so many characters for a byte that it was made of, beside a fixed share. */
const charactersPerByte = 400
const fixedCharacters = 1 << 20

/** One changed file among its neighbours through all catalogers. @throws what no reader may throw */
export async function fileCase(seed: FileSeed, other: Buffer, random: Random): Promise<Judged> {
  const changed = change(seed.content, other, random)
  const content = seed.wrap?.(changed) ?? changed
  const folder = random.pick(folders)
  const own = `${folder}${random.below(24) === 0 ? otherPath(seed.path, random) : seed.path}`
  const beside = Object.entries(seed.beside).filter(([path]) => path !== seed.path)
  const files = Object.fromEntries([
    ...beside.map(([path, bytes]) => [`${folder}${path}`, bytes] as const),
    [own, content],
  ])
  const { catalogue, inventory } = catalogueOf(files)
  const text = JSON.stringify(catalogue)
  const bytes = Object.values(files).reduce((sum, { length }) => sum + length, 0)
  if (text.length > fixedCharacters + charactersPerByte * bytes)
    return { outcome: 'FINDING', why: `${bytes} bytes became ${text.length} characters` }
  const engineWords = catalogue.gaps.find(({ why }) => isEngineMessage(why))
  if (engineWords !== undefined)
    return { outcome: 'FINDING', why: `${engineWords.kind} at ${engineWords.path}: ${engineWords.why}` }
  if (random.below(8) === 0 && JSON.stringify(catalogueOf(files).catalogue) !== text)
    return { outcome: 'FINDING', why: 'a second reading gives another catalogue' }
  const why = random.below(16) === 0 ? await checkDocuments(catalogue, inventory, random) : ''
  if (why !== '') return { outcome: 'FINDING', why }
  return { outcome: catalogue.gaps.some(({ path }) => path === own) ? 'refused' : 'read', why: '' }
}

/** A path with another word in it, where that still names a file of an archive. */
function otherPath(path: string, random: Random): string {
  const changed = changeWord(Buffer.from(path), random).toString('utf8')
  const parts = changed.split('/')
  const isName = parts.every((part) => part !== '' && part !== '.' && part !== '..' && part.length < 256)
  return isName && changed.isWellFormed() && !changed.includes('\0') ? changed : path
}

/** What JavaScript itself says of a defect: no reader may rely on it to tell that bytes are wrong. */
function isEngineMessage(why: string): boolean {
  return /Cannot (?:read|set|convert|destructure|access|mix)|is not (?:a function|iterable|a constructor|defined|extensible)|Maximum call stack|Invalid (?:array|string|typed array) length|Reduce of empty|out of range|outside buffer bounds|BigInt/.test(
    why,
  )
}

async function checkDocuments(catalogue: Catalogue, inventory: InventoryEntry[], random: Random): Promise<string> {
  const written = new InventoryDocument(inventory)
  const { document } = documentsOf(
    {
      ...catalogue,
      name: 'image',
      platform: { os: 'linux', architecture: 'amd64' },
      configDigest: sha256('config'),
      layers: [],
      created: 0,
      inventoryDigest: written.digest,
      files: inventory.length,
    },
    written,
  )
  return checkDocument(document, random) || checkWritten(document, random, true)
}
