import { readFile, stat } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { InputError, type SealwrightError } from '../../base/errors.ts'
import { sha256 } from '../../base/streams.ts'
import type { Digest } from '../../oci/types.ts'
import { resolveImage, type ResolvedImage } from '../../oci/open.ts'
import type { Ports } from '../../base/ports.ts'
import { namedSubject, type NamedSubject } from '../../tasks/compare/subject.ts'
import { documentFiles, inventoryFile } from '../../tasks/sbom/documents.ts'
import { documentSide, isInventory } from '../../sbom/diff/side.ts'
import type { Side } from '../../sbom/diff/types.ts'
import { namedFile } from '../option-file.ts'

/** What a word of the command line stands for. */
export type Named =
  | { kind: 'documents'; side: Side }
  | { kind: 'image'; text: string; image: ResolvedImage }
  | { kind: 'subject'; text: string; subject: NamedSubject }

/**
 * Reads a side: a document, a file inventory, a folder with documents as the action `sbom` writes them, `directory:PATH`, `disk:FILE` and their like, else
 * a reference of an image.
 *
 * @param inventory file of the inventory that belongs to it, or ''
 * @param platform of an archive's index, or ''
 * @throws InputError `file-invalid`, `reference-invalid`, `not-found`; VerificationError `format-invalid`
 */
export async function readSide(text: string, inventory: string, ports: Ports, platform = ''): Promise<Named> {
  const path = resolve(ports.roots.cwd, text)
  const found = await stat(path).catch(() => null)
  if (found === null) {
    if (inventory !== '') throw noInventory(text)
    const subject = namedSubject(text, ports.roots.cwd, platform)
    if (subject !== null) return { kind: 'subject', text, subject }
    return { kind: 'image', text, image: await imageOf(text, ports) }
  }
  const file = found.isDirectory() ? await fileIn(path, text) : path
  const bytes = await namedFile(file, text, 'the SBOM')
  if (isInventory(bytes)) return { kind: 'documents', side: await documentSide(text, null, bytes) }
  const beside = inventory === '' ? null : await namedFile(resolve(ports.roots.cwd, inventory), 'inventory')
  const side = await documentSide(text, bytes, beside)
  const digest = side.document?.inventory ?? null
  if (beside !== null || digest === null) return { kind: 'documents', side }
  const neighbour = await readNeighbour(join(dirname(file), inventoryFile), digest)
  return { kind: 'documents', side: neighbour === null ? side : await documentSide(text, bytes, neighbour) }
}

/**
 * The one document that `sbom score` and `sbom convert` read: a file, or a folder as the action `sbom` writes it.
 *
 * @returns its bytes, and its name for messages
 * @throws InputError `file-missing` for what is not there, with a hint for the reference of an image; `file-invalid` for a folder without documents
 */
export async function readDocument(text: string, cwd: string): Promise<{ bytes: Buffer; name: string }> {
  const path = resolve(cwd, text)
  const found = await stat(path).catch(() => null)
  if (found === null) throw noFile(text)
  if (!found.isDirectory()) return { bytes: await namedFile(path, 'file', 'file'), name: text }
  const file = await fileIn(path, text)
  return { bytes: await namedFile(file, 'file', 'file'), name: file }
}

function noFile(text: string): InputError {
  const reference = /^[a-z]+:|^[^/]+[.:][^/]*\/[^/]/.test(text)
  return new InputError('file-missing', `file: "${text}" is not there`, {
    subject: 'file',
    remedy: reference
      ? 'This command reads a document. For an image, write one first: sealwright sbom --image REF --directory DIR, then name DIR.'
      : 'Name the file of an SBOM, or a folder that the action sbom wrote.',
  })
}

/** The first document of a folder, in the order of our formats. */
async function fileIn(folder: string, text: string): Promise<string> {
  for (const name of documentFiles) {
    const path = join(folder, name)
    if ((await stat(path).catch(() => null))?.isFile() === true) return path
  }
  const layout = (await stat(join(folder, 'oci-layout')).catch(() => null)) !== null
  throw new InputError(
    'file-invalid',
    `the folder "${text}" holds no SBOM; expected one of: ${documentFiles.join(', ')}`,
    {
      subject: text,
      remedy: layout
        ? `It is an OCI layout: write oci:${text}.`
        : 'Name the file of an SBOM, or an image as oci:DIR[:TAG].',
    },
  )
}

/** The inventory that lies beside a document counts where it is the one that the document names. */
async function readNeighbour(path: string, digest: Digest): Promise<Buffer | null> {
  const bytes = await readFile(path).catch(() => null)
  return bytes !== null && sha256(bytes) === digest ? bytes : null
}

async function imageOf(text: string, ports: Ports): Promise<ResolvedImage> {
  try {
    return await resolveImage(text, ports)
  } catch (error) {
    if (!(error instanceof InputError) || error.code !== 'reference-invalid') throw error
    throw neither(text, error)
  }
}

function neither(text: string, cause: SealwrightError): InputError {
  return new InputError('file-missing', `"${text}" is neither a file nor a reference of an image`, {
    subject: text,
    cause,
    remedy:
      'Name the file of an SBOM, a folder that the action sbom wrote, an image (oci:DIR[:TAG], HOST/NAME[:TAG] or another store (docs/stores.md)), directory:PATH, source:PATH, disk:FILE, or oci-archive:FILE.',
  })
}

function noInventory(text: string): InputError {
  return new InputError('input-invalid', `an inventory was given for "${text}", which is not a file`, {
    subject: text,
    remedy: 'Leave the inventory out: the files of an image are read from the image.',
  })
}
