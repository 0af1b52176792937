import { sha256 } from '../../base/streams.ts'
import { parseInventory } from '../../image/inventory.ts'
import type { Digest } from '../../oci/types.ts'
import { withParties } from '../documents/own.ts'
import { readSbom } from '../documents/read.ts'
import type { DocumentFormat, SbomDocument } from '../documents/model.ts'
import { encodeDocument } from '../formats/encode.ts'
import type { SbomFormat } from '../formats/names.ts'
import type { Described } from '../scan.ts'
import type { Side } from './types.ts'

/**
 * A side of documents at hand.
 *
 * @param label what the user named
 * @throws VerificationError `format-invalid` for bytes that are not what they are given as
 */
export async function documentSide(
  label: string,
  document: Uint8Array | null,
  inventory: Uint8Array | null,
): Promise<Side> {
  return {
    label,
    document: document === null ? null : await readSbom(document, label),
    inventory: inventory === null ? null : parseInventory(inventory),
    inventoryDigest: inventory === null ? null : sha256(inventory),
    bytes: document,
    regenerated: false,
  }
}

/** Whether bytes are a file inventory, by its first line. */
export function isInventory(bytes: Uint8Array): boolean {
  const head = Buffer.from(bytes.subarray(0, 64)).toString('latin1')
  return /^\{"(?:device|gid)":/.test(head)
}

/**
 * The artifact as a side that can be compared with a document: in the document's own format where we write it, so that both say the same things
 * in the same way, and under its own name, time and parties, which an image does not say.
 *
 * @param like document that it will be compared with; null for none
 */
export async function artifactSide(
  label: string,
  described: Described,
  manifest: Digest | null,
  like: SbomDocument | null,
): Promise<Side> {
  const format = like === null ? null : writtenFormat(like)
  const inventory = { inventory: described.pass.inventory, inventoryDigest: described.inventoryDigest }
  const common = { label, ...inventory, regenerated: true }
  if (like === null || format === null) {
    const { document } = described
    return { ...common, document: named(document, manifest), bytes: null }
  }
  const { document } = described
  const { name, created, lifecycle } = like
  const revision = like.revision ?? document.revision
  const identity = { ...document.identity, name: like.identity.name, producer: like.identity.producer }
  const same = { ...withParties(document, like), name, created, lifecycle, revision, identity }
  const bytes = encodeDocument(same, format)
  return { ...common, document: named(await readSbom(bytes, label), manifest), bytes }
}

/** Our documents speak of configuration and layers; of an image at hand the manifest is known, too. */
function named(document: SbomDocument, manifest: Digest | null): SbomDocument {
  return { ...document, identity: { ...document.identity, manifestDigest: manifest } }
}

/** The writer of a document's format, or null where we read it only. */
export function writtenFormat({ format, formatVersion }: SbomDocument): SbomFormat | null {
  const written: Partial<Record<DocumentFormat, Record<string, SbomFormat>>> = {
    'spdx-json': { '2.3': 'spdx-json' },
    'spdx3-json': { '3.0.1': 'spdx3-json' },
    'cyclonedx-json': { '1.6': 'cyclonedx-json', '1.7': 'cyclonedx1.7-json' },
  }
  return written[format]?.[formatVersion] ?? null
}
