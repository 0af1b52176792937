import { readFile } from 'node:fs/promises'
import { InputError, VerificationError } from '../../base/errors.ts'
import { algorithmOf, collect, sha256 } from '../../base/streams.ts'
import { roles, sbomRoles, type JournalEvent } from '../../journal/event.ts'
import { isIndex } from '../../oci/manifest.ts'
import type { Digest, Index, Manifest } from '../../oci/types.ts'
import { sbomKinds, type SbomKind } from '../../statement/types.ts'
import type { StepContext } from '../context.ts'
import type { SignableKind, SignRequest } from './request.ts'
import { isSignable, type Published } from './source.ts'

/** A statement that can be made, with the bytes that it is made of. */
export interface Material {
  kind: SignableKind
  documents: Record<string, Buffer>
}

/** A document of a step: where its path is remembered, and the role of its digest in the journal. */
const sources = {
  'build-record': { path: 'build-record-path', event: 'build', role: roles.buildRecord },
  spdx: { path: 'sbom-spdx-path', event: 'sbom', role: roles.spdx },
  spdx3: { path: 'sbom-spdx3-path', event: 'sbom', role: roles.spdx3 },
  cyclonedx: { path: 'sbom-cyclonedx-path', event: 'sbom', role: roles.cyclonedx },
  inventory: { path: 'inventory-path', event: 'sbom', role: roles.inventory },
} as const
type DocumentName = keyof typeof sources

const configLimit = 8 << 20

/** Where the state remembers what the last `sbom` step described: the digest of the image's configuration, or of a tree of files. */
export const sbomSubject = 'sbom-subject'

/**
 * What the job has material for. With a journal a document counts only if its digest is an output of the step that handled this very
 * image; without one, the documents that the state remembers and the SBOM that was given.
 *
 * @throws VerificationError `role-mismatch` for an SBOM file that was not made in the job, `digest-mismatch` for a changed document
 */
export async function gatherMaterial(
  inputs: SignRequest,
  published: Published,
  journal: readonly JournalEvent[] | null,
  context: StepContext,
): Promise<Material[]> {
  // What the state remembers without a journal is about one image, and nothing ties it to a manifest of an index.
  const known = journal !== null || (published.index === null && !isIndex(await contentOf(published)))
  const given =
    inputs.sbom === null || published.index !== null ? null : await givenSbom(inputs.sbom, published, journal)
  // It remembers SBOMs by name alone: the last step may have described another image, or a folder.
  const described = journal !== null || (known && (await isDescribed(published, context)))
  const document = async (name: DocumentName): Promise<Buffer | null> => {
    if (given?.name === name) return given.bytes
    const counts = sources[name].event === 'sbom' ? described : known
    return counts ? readDocument(name, published, journal, context) : null
  }

  const found: Material[] = []
  const add = (kind: SignableKind, documents: Record<string, Buffer> | null): void => {
    // No gate admits an encrypted image without the statement that says what it was made of.
    const wanted = kind === 'encryption' || (inputs.statements?.includes(kind) ?? true)
    if (documents !== null && wanted) found.push({ kind, documents })
  }
  const record = await document('build-record')
  const inventory = await document('inventory')
  // What others built is signed by them: the job's agent describes it.
  add('sign', journal === null || isSignable(journal, published.descriptor.digest) ? {} : null)
  add('provenance', record && { 'build-record': record })
  for (const kind of sbomKinds) {
    const bytes = await document(kind)
    add(kind, bytes && { [kind]: bytes })
  }
  add('inventory', inventory && { inventory, config: await imageConfig(published) })
  add('rebuild', record !== null && wasRebuilt(record) ? { 'build-record': record } : null)
  add(
    'encryption',
    journal?.some((event) => isEncryptOf(event, published)) === true ? { config: await imageConfig(published) } : null,
  )
  return found
}

/**
 * What was asked for must be possible for one manifest at least.
 *
 * @throws InputError `input-invalid` when a statement was asked for that has no material
 */
export function requireMaterial(statements: readonly SignableKind[] | null, found: readonly Material[]): void {
  const missing = (statements ?? []).filter((kind) => !found.some((material) => material.kind === kind))
  if (missing.length > 0) {
    throw new InputError('input-invalid', `there is nothing to make these statements of: ${missing.join(', ')}`, {
      subject: 'statements',
      remedy: 'Run the steps that they describe before, in the same job, or leave them out.',
    })
  }
}

/** The event of a kind that has the plain image as its object: output of a build, input of an SBOM. */
function producer(journal: readonly JournalEvent[], kind: 'build' | 'sbom', plain: Digest): JournalEvent | undefined {
  return journal.findLast(
    (event) =>
      event.kind === kind &&
      (kind === 'build' ? event.outputs : event.inputs).some((a) => a.role === roles.image && a.digest === plain),
  )
}

function isEncryptOf(event: JournalEvent, { descriptor, plain }: Published): boolean {
  return (
    event.kind === 'encrypt' &&
    event.outputs.some((a) => a.role === roles.image && a.digest === descriptor.digest) &&
    event.inputs.some((a) => a.role === roles.image && a.digest === plain)
  )
}

async function readDocument(
  name: DocumentName,
  published: Published,
  journal: readonly JournalEvent[] | null,
  { state }: StepContext,
): Promise<Buffer | null> {
  const source = sources[name]
  const expected =
    journal &&
    producer(journal, source.event, published.plain)?.outputs.find(({ role }) => role === source.role)?.digest
  if (expected === undefined) return null
  const path = await state.recall(source.path)
  if (path === null) {
    if (expected === null) return null
    throw new InputError('file-missing', `the ${name} of this job is in its journal, but its file is not remembered`, {
      subject: name,
      remedy: 'Run the step that made it again.',
    })
  }
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new InputError('file-missing', `${path} cannot be read`, {
      subject: name,
      cause,
      remedy: 'Run the step that made it again.',
    })
  })
  if (expected !== null && sha256(bytes) !== expected) {
    throw new VerificationError('digest-mismatch', `${name} was changed since the job made it`, {
      subject: expected,
      remedy: 'Run the step that made it again; nothing but that step may write the file.',
    })
  }
  return bytes
}

/** The SBOM given by path. Its kind is told by the member that each format must have. */
async function givenSbom(
  path: string,
  published: Published,
  journal: readonly JournalEvent[] | null,
): Promise<{ name: SbomKind; bytes: Buffer }> {
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new InputError('file-missing', `${path} cannot be read`, {
      subject: 'sbom',
      cause,
      remedy: 'Give the path of an SBOM.',
    })
  })
  if (journal !== null) {
    const outputs = producer(journal, 'sbom', published.plain)?.outputs ?? []
    const given = sha256(bytes)
    const name = sbomKinds.find((kind) =>
      outputs.some(({ digest, role }) => digest === given && sbomRoles[kind].some((known) => known === role)),
    )
    if (name !== undefined) return { name, bytes }
    throw new VerificationError(
      'role-mismatch',
      'SBOM file not made in the job: it is not an output of an sbom step over this image',
      {
        subject: sha256(bytes),
        remedy: 'Run the sbom action in this job; a foreign SBOM can be attached by another signer without the agent.',
      },
    )
  }
  // Each format names itself in a member; the whole document is parsed when its statement is made.
  const text = bytes.subarray(0, bytes.length).toString('latin1')
  await requireAboutImage(bytes, path, published)
  if (/"spdxVersion"\s*:\s*"SPDX-2/.test(text)) return { name: 'spdx', bytes }
  if (/"bomFormat"\s*:\s*"CycloneDX"/.test(text)) return { name: 'cyclonedx', bytes }
  if (/"@context"\s*:\s*\[?\s*"https:\/\/spdx\.org\/rdf\/3\./.test(text)) return { name: 'spdx3', bytes }
  throw new InputError('file-invalid', `${path} is neither SPDX nor CycloneDX JSON`, {
    subject: 'sbom',
    remedy: 'Give SPDX 2.3, SPDX 3.0.1 or CycloneDX JSON.',
  })
}

/** @throws VerificationError `role-mismatch` for a document that names another image; one that names none can be about this one */
async function requireAboutImage(bytes: Buffer, path: string, published: Published): Promise<void> {
  const { readSbom } = await import('../../sbom/documents/read.ts')
  const document = await readSbom(bytes, path).catch((error: unknown) => {
    if (error instanceof VerificationError) return null
    throw error
  })
  // Tools write documents that their own schema refuses; such a one is attached as what it is, and tells nothing of its subject.
  if (document === null) return
  const { manifestDigest, configDigest } = document.identity
  const config = await configDigestOf(published)
  const named = configDigest ?? manifestDigest
  const own: (Digest | null)[] = [config, published.plain, published.descriptor.digest]
  if (named === null || own.includes(named)) return
  throw new VerificationError(
    'role-mismatch',
    `the SBOM ${JSON.stringify(path)} is about ${named}, not about this image`,
    {
      subject: published.descriptor.digest,
      remedy: 'Give the SBOM of this image, or describe it with the sbom action.',
    },
  )
}

/** Whether the last `sbom` step described this image. */
async function isDescribed(published: Published, { state }: StepContext): Promise<boolean> {
  return (await state.recall(sbomSubject)) === (await configDigestOf(published))
}

/** SHA-256 of the configuration; null for an index, which has none. */
async function configDigestOf(published: Published): Promise<Digest | null> {
  const content = await contentOf(published)
  if (isIndex(content)) return null
  const { digest } = content.config
  return algorithmOf(digest) === 'sha256' ? digest : sha256(await imageConfig(published))
}

/** Exact bytes of the image's configuration, the same for the plain and the encrypted form: names the diff ids. */
async function imageConfig(published: Published): Promise<Buffer> {
  const { store, descriptor } = published
  const content = await contentOf(published)
  if (isIndex(content)) {
    throw new InputError('unsupported', 'an index of several platforms has no configuration of its own', {
      subject: descriptor.digest,
      remedy: 'Sign the image of each platform.',
    })
  }
  return collect(await store.openBlob(content.config), configLimit, content.config.digest)
}

async function contentOf({ store, descriptor }: Published): Promise<Manifest | Index> {
  return (await store.getManifest(descriptor.digest)).content
}

/** A rebuild is attested only where one was made and all agreed; a failed one is never signed (TRUST §4). */
function wasRebuilt(record: Buffer): boolean {
  const { rebuilds } = JSON.parse(record.toString('utf8')) as { rebuilds?: { count?: number; matched?: number } }
  return (rebuilds?.count ?? 0) > 0 && rebuilds?.count === rebuilds?.matched
}
