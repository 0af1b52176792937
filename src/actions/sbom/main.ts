import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256 } from '../../base/streams.ts'
import { loadImage } from '../../image/load.ts'
import { roles, type Artifact, type EventFacts } from '../../journal/event.ts'
import { resolveImage } from '../../oci/open.ts'
import type { Digest, Store } from '../../oci/types.ts'
import { passImage } from '../../image/pass.ts'
import type { Image, PassResult } from '../../image/types.ts'
import { engine } from '../../sbom/formats/spdx.ts'
import type { Catalogue } from '../../sbom/model.ts'
import { sbomReaders } from '../../sbom/readers.ts'
import { describePass, type Described } from '../../sbom/scan.ts'
import { inventoryMediaType } from '../../statement/types.ts'
import type { ActionContext, ActionDoor, ActionResult, RawInputs } from '../context.ts'
import { readInputs, type SbomInputs } from './inputs.ts'
import { keepPass, keptPass } from './kept.ts'
import { plainForm } from './plain-form.ts'
import { withOpener } from './keys.ts'
import { sbomReport } from './summary.ts'

interface Document {
  output: string
  file: string
  role: Artifact['role']
  mediaType: string
  bytes: (described: Described) => Buffer
  format: SbomInputs['formats'][number] | null
}

const documents: readonly Document[] = [
  {
    output: 'sbom-spdx-path',
    file: 'sbom.spdx.json',
    role: roles.spdx,
    mediaType: 'application/spdx+json',
    bytes: ({ spdx }) => spdx,
    format: 'spdx-json',
  },
  {
    output: 'sbom-cyclonedx-path',
    file: 'sbom.cdx.json',
    role: roles.cyclonedx,
    mediaType: 'application/vnd.cyclonedx+json',
    bytes: ({ cyclonedx }) => cyclonedx,
    format: 'cyclonedx-json',
  },
  {
    output: 'inventory-path',
    file: 'inventory.jsonl',
    role: roles.inventory,
    mediaType: inventoryMediaType,
    bytes: ({ inventory }) => inventory,
    format: null,
  },
]

/** What a pass over the layers found. */
export interface Found {
  pass: PassResult
  catalogue: Catalogue
}

/** Describes an image; the documents lie in `directory`, and in the journal as outputs of an `sbom` event. */
export const door: ActionDoor = { name: 'sbom', run: (raw, context) => describeStep(raw, context) }

/** @param read what a pass of this process found; without it the layers are read here, unless an earlier step of the job has kept what it found */
export async function describeStep(raw: RawInputs, context: ActionContext, read?: Found): Promise<ActionResult> {
  const { log } = context.ports
  const inputs = await readInputs(raw, context)
  const agent = await context.state.agent()
  const { store, descriptor } = await resolveImage(inputs.image, context.ports)
  const image = await loadImage(store, descriptor.digest)
  const kept = read === undefined ? await keptPass(context.state, image) : null
  if (kept !== null) log.info('the layers were read earlier in this job: taking what was found then')
  const { pass, catalogue } = kept ?? read ?? (await readLayers(store, image, inputs, context))
  for (const { path, why } of catalogue.unreadable) log.warn(`${path} could not be read: ${why}`)
  const described = describePass(pass, catalogue, { epoch: inputs.epoch })
  if (kept === null) await keepPass(context.state, described, catalogue)
  const written = await writeDocuments(described, inputs, context)
  const plain = await plainForm(context.state, image.descriptor.digest)
  if (agent !== null) await agent.append(sbomEvent(store, described, written, plain))
  return result(store, described, written)
}

async function readLayers(store: Store, image: Image, inputs: SbomInputs, context: ActionContext): Promise<Found> {
  return withOpener(store, image, inputs, context, async (open) => {
    const sbom = sbomReaders()
    const pass = await passImage(store, image, sbom.readers, { open, log: context.ports.log })
    return { pass, catalogue: sbom.finish(pass.inventory) }
  })
}

interface Written {
  document: Document
  path: string
  digest: Digest
}

async function writeDocuments(described: Described, inputs: SbomInputs, { state }: ActionContext): Promise<Written[]> {
  if (inputs.directory !== null) await mkdir(inputs.directory, { recursive: true })
  const written: Written[] = []
  for (const document of documents) {
    if (document.format !== null && !inputs.formats.includes(document.format)) continue
    const bytes = document.bytes(described)
    const path =
      inputs.directory === null ? await state.path('sbom', document.file) : join(inputs.directory, document.file)
    await writeFile(path, bytes)
    await state.remember(document.output, path)
    written.push({ document, path, digest: sha256(bytes) as Digest })
  }
  return written
}

/** Names in the event are those of the documents, never paths: the journal says nothing of the host. */
function sbomEvent(
  store: Store,
  described: Described,
  written: readonly Written[],
  plain: Artifact | null,
): EventFacts {
  const { image } = described.pass
  const { config } = image.manifest
  return {
    kind: 'sbom',
    inputs: [
      {
        role: roles.image,
        name: store.identity,
        digest: plain?.digest ?? image.descriptor.digest,
        mediaType: plain?.mediaType ?? image.descriptor.mediaType,
      },
      { role: roles.config, name: store.identity, digest: config.digest, mediaType: config.mediaType },
    ],
    outputs: written.map(({ document: { role, file, mediaType }, digest }) => ({
      role,
      name: file,
      digest,
      mediaType,
    })),
    result: { packages: described.packages, engine },
  }
}

function result(store: Store, described: Described, written: readonly Written[]): ActionResult {
  const outputs: Record<string, string> = Object.fromEntries(documents.map(({ output }) => [output, '']))
  for (const { document, path } of written) outputs[document.output] = path
  outputs['packages'] = String(described.packages)
  outputs['quality'] = described.quality.text
  const rows = written.map(({ document, digest, path }) => [document.file, digest, path])
  return { outputs, report: sbomReport(store.identity, described, rows) }
}
