import { createHash } from 'node:crypto'
import type { SbomDocument } from '../documents/model.ts'
import { uuid5 } from '../ids.ts'
import { cyclonedx } from './cyclonedx.ts'
import type { SbomFormat } from './names.ts'
import { spdx } from './spdx.ts'
import { spdx3 } from './spdx3.ts'
import { Ids } from './ids.ts'
import { order } from './order.ts'

/** What a writer gets: the document, a UUID that stands for its content in this format, and ids for its packages. */
export interface Writing {
  document: SbomDocument
  uuid: string
  ids: Ids
}

const writers: Readonly<Record<SbomFormat, (writing: Writing) => object>> = {
  'spdx-json': spdx,
  'spdx3-json': spdx3,
  'cyclonedx-json': (writing) => cyclonedx(writing, '1.6'),
  'cyclonedx1.7-json': (writing) => cyclonedx(writing, '1.7'),
}

/**
 * A document in one format: JSON in UTF-8 on one line with a final newline. Equal documents give equal bytes: nothing comes from clock, locale,
 * host or chance, and the id of the document is a UUID of version 5 over its content (SPDX 2.3 clause 6.5.2 allows that).
 */
export function encodeDocument(document: SbomDocument, format: SbomFormat): Buffer {
  const ids = new Ids(document)
  const uuid = uuid5(`${format} sha256:${contentDigest(document)}`)
  const written = writers[format]({ document: inWrittenOrder(document, ids), uuid, ids })
  const text = JSON.stringify(written)
  // JSON.stringify writes a lone surrogate, and nothing else, as an escape of this form. Looking at each value while it writes takes longer.
  return Buffer.from(`${/\\ud[89a-f]/.test(text) ? JSON.stringify(written, wellFormed) : text}\n`)
}

/**
 * Packages and files by their written ids, whatever the order of their source: a document that was converted, and the same one written at once, can
 * then be compared line by line.
 */
function inWrittenOrder(document: SbomDocument, ids: Ids): SbomDocument {
  const sorted = <T extends { id: string }>(items: readonly T[]): T[] =>
    items.toSorted((a, b) => order(ids.get(a.id) ?? '', ids.get(b.id) ?? ''))
  return {
    ...document,
    packages: sorted(document.packages),
    files: document.files === null ? null : sorted(document.files),
  }
}

function contentDigest(document: SbomDocument): string {
  const known = digests.get(document)
  if (known !== undefined) return known
  const digest = createHash('sha256').update(JSON.stringify(document)).digest('hex')
  digests.set(document, digest)
  return digest
}
const digests = new WeakMap<SbomDocument, string>()

/** RFC 8785 and several readers refuse a lone surrogate, which JSON texts of package metadata may hold. */
function wellFormed(_key: string, value: unknown): unknown {
  return typeof value === 'string' && !value.isWellFormed() ? value.toWellFormed() : value
}
