import { messageOf } from '../../../src/base/errors.ts'
import { parseJson } from '../../../src/base/json.ts'
import { compareSides } from '../../../src/sbom/diff/compare-sides.ts'
import type { Side } from '../../../src/sbom/diff/types.ts'
import type { SbomDocument } from '../../../src/sbom/documents/model.ts'
import { readSbom } from '../../../src/sbom/documents/read.ts'
import { officialSchema, type SchemaName } from '../../../src/sbom/documents/schema/official.ts'
import { encodeDocument } from '../../../src/sbom/formats/encode.ts'
import { sbomFormats, type SbomFormat } from '../../../src/sbom/formats/names.ts'
import { scoreDocument } from '../../../src/sbom/score/score.ts'
import { profiles } from '../../../src/sbom/score/types.ts'
import type { Random } from '../../../testkit/random.ts'

const schemas: Readonly<Record<SbomFormat, SchemaName>> = {
  'spdx-json': 'spdx-2.3',
  'spdx3-json': 'spdx-3.0.1',
  'cyclonedx-json': 'cyclonedx-1.6',
  'cyclonedx1.7-json': 'cyclonedx-1.7',
}

/** Scores a document and compares it with itself. @returns what is wrong, or nothing */
export function checkDocument(document: SbomDocument, random: Random): string {
  const score = scoreDocument(document, random.pick(profiles))
  if (score.present + score.unknown + score.absent !== score.elements.length)
    return `${score.profile}: the counts do not add up`
  if (score.value !== undefined && !(score.value >= 0 && score.value <= 10))
    return `${score.profile}: scores ${score.value}`
  // Two documents that name no tool may be of two tools: that alone is said.
  const change = compareSides(sideOf(document), sideOf(document)).changes.find(({ key }) => key !== 'tool')
  return change === undefined ? '' : `it differs from itself: ${JSON.stringify(change).slice(0, 300)}`
}

/**
 * Writes a document in one format: the same bytes twice, valid by the official schema, and read back.
 *
 * @param own a document of our engine: all its packages must come back
 * @returns what is wrong, or nothing
 */
export async function checkWritten(document: SbomDocument, random: Random, own: boolean): Promise<string> {
  const format = random.pick(sbomFormats)
  const bytes = encodeDocument(document, format)
  if (!encodeDocument(document, format).equals(bytes)) return `${format}: written twice, the bytes differ`
  const fault = (await officialSchema(schemas[format])).validate(parseJson(bytes.toString('utf8'), format))
  if (fault !== null) return `${format}: not valid by its schema: at ${fault.where}: ${fault.what}`
  let again: SbomDocument
  try {
    again = await readSbom(bytes, format)
  } catch (error) {
    return `${format}: we do not read what we wrote: ${messageOf(error)}`
  }
  const [before, after] = [purlsOf(document), purlsOf(again)]
  return own && before !== after ? `${format}: other packages are read than were written` : ''
}

function purlsOf({ packages }: SbomDocument): string {
  return packages
    .flatMap(({ purl }) => (purl === null ? [] : [purl]))
    .sort()
    .join('\n')
}

function sideOf(document: SbomDocument): Side {
  return { label: 'side', document, inventory: null, inventoryDigest: null, bytes: null, regenerated: false }
}
