import { isLocalText } from '../../oci/reference.ts'
import { resolve } from 'node:path'
import { InputError } from '../../base/errors.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { resolveImage } from '../../oci/open.ts'
import { compareSides } from '../../sbom/diff/compare-sides.ts'
import { makeResult, type Part } from '../../sbom/diff/result.ts'
import { documentSide } from '../../sbom/diff/side.ts'
import type { Side } from '../../sbom/diff/types.ts'
import { loadPublicKey, type PublicKey } from '../../sign/public-key.ts'
import { namedSubject } from '../../tasks/compare/subject.ts'
import type { CommandResult } from '../command.ts'
import { namedFile } from '../option-file.ts'
import { attestedImages, type AttestedImage } from './attested.ts'
import { sideOf, withComparing, type Comparing } from './comparing.ts'
import { sideFor } from './diff.ts'
import { showResult } from './output.ts'
import { readSide } from './sides.ts'

/** `sbom verify REF`: reads an image anew and compares it with given or attested documents. */
export async function sbomVerify(inputs: RawInputs, context: ActionContext): Promise<CommandResult> {
  const { ports } = context
  const text = inputs.required('image')
  const files = inputs.list('sbom')
  const keys = await readKeys(inputs, ports.roots.cwd)
  if (files.length > 0 && keys.length > 0) {
    throw new InputError('input-invalid', '`--sbom` and `--public-key` exclude each other, but both are set', {
      subject: 'public-key',
      remedy: 'A file carries no signature: leave out `--sbom` to compare the attested documents, or `--public-key`.',
    })
  }
  const platform = inputs.text('platform')
  // What lies in the store of an archive may have statements; a file without its prefix is no store.
  if (files.length === 0 && !isLocalText(text) && namedSubject(text, ports.roots.cwd, platform) !== null)
    throw noDocument(text)
  return withComparing(inputs, context, async (comparing) => {
    const parts: Part[] = []
    if (files.length > 0) {
      const found = await readSide(text, '', ports, platform)
      if (found.kind === 'documents') throw notAnArtifact(text)
      for (const file of files) {
        const named = await readSide(file, inputs.text('inventory'), ports)
        if (named.kind !== 'documents') throw notAFile(file)
        const comparison = compareSides(named.side, await sideFor(found, named, comparing), comparing.policy)
        parts.push({ platform: null, statement: null, comparison })
      }
    } else {
      for (const image of await attestedImages(await resolveImage(text, ports), comparing.platform, keys))
        parts.push(...(await compareAttested(image, comparing)))
    }
    const [first, ...rest] = parts
    if (first === undefined) throw new InputError('not-found', `"${text}" holds no image`, { subject: text })
    return showResult('sbom verify', makeResult([first, ...rest]), inputs, context)
  })
}

/** Every attested document that counts is compared; an inventory that no document names is compared alone. */
async function compareAttested(
  { artifact, platform, attested: { documents, inventories, notes } }: AttestedImage,
  comparing: Comparing,
): Promise<Part[]> {
  const described = await comparing.describe(artifact)
  const left = new Map(inventories)
  const parts: Part[] = []
  const add = async (side: Side, statement: Part['statement']): Promise<void> => {
    const found = await sideOf(artifact, described, side.document)
    const comparison = compareSides(side, found, comparing.policy)
    comparison.notes.push(...notes)
    parts.push({ platform, statement, comparison })
  }
  for (const { bytes, facts } of documents) {
    const label = `statement ${facts.manifest}`
    const alone = await documentSide(label, bytes, null)
    const digest = alone.document?.inventory ?? null
    const inventory = digest === null ? undefined : inventories.get(digest)
    if (digest !== null) left.delete(digest)
    await add(inventory === undefined ? alone : await documentSide(label, bytes, inventory.bytes), facts)
  }
  for (const { bytes, facts } of left.values())
    await add(await documentSide(`statement ${facts.manifest}`, null, bytes), facts)
  return parts
}

async function readKeys(inputs: RawInputs, cwd: string): Promise<PublicKey[]> {
  return Promise.all(
    inputs.list('public-key').map(async (file) => {
      const pem = (await namedFile(resolve(cwd, file), 'public-key')).toString('utf8')
      try {
        return loadPublicKey(`${pem.trim()}\n`)
      } catch (cause) {
        throw new InputError('file-invalid', `--public-key: "${file}" is not a public key`, {
          subject: 'public-key',
          cause,
          remedy: 'Give a PEM file "PUBLIC KEY".',
        })
      }
    }),
  )
}

function noDocument(text: string): InputError {
  return new InputError(
    'input-missing',
    `nothing is attached to "${text}", which is not an image of a registry or layout`,
    {
      subject: 'sbom',
      remedy: 'Give the document to compare it with by `--sbom FILE`.',
    },
  )
}

function notAnArtifact(text: string): InputError {
  return new InputError('input-invalid', `"${text}" is a document; expected an image, folder, archive or disk image`, {
    subject: 'image',
    remedy: 'Compare two documents with "sealwright sbom diff A B".',
  })
}

function notAFile(text: string): InputError {
  return new InputError('file-missing', `--sbom: "${text}" is not a file`, {
    subject: 'sbom',
    remedy: 'Name the file of an SBOM, or a folder that the action sbom wrote.',
  })
}
