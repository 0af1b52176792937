import { z } from 'zod'
import { sha256 } from '../../base/streams.ts'
import type { Digest, Store } from '../../oci/types.ts'
import { engine } from '../../sbom/formats/spdx.ts'
import type { Ports } from '../../base/ports.ts'
import type { Artifact } from '../../journal/event.ts'
import type { Catalogue, Gap } from '../../sbom/model.ts'
import type { SubjectKind } from '../../sbom/subjects/types.ts'
import { describePass, type Described } from '../../sbom/scan.ts'
import type { PassResult } from '../../image/types.ts'
import { type Outcome, type TaskContext, type TaskEvent } from '../context.ts'
import { imageInputs } from '../images.ts'
import { documents, sbomFormats, type DocumentFile } from './documents.ts'
import { keepPass } from './kept.ts'
import { noSteps } from '../../statement/isolation.ts'

/** What of a description its step asks for. */
export const describeRequestSchema = z.strictObject({
  formats: z.array(z.enum(sbomFormats)).min(1),
  /** SOURCE_DATE_EPOCH, in seconds. */
  epoch: z.int().min(0).nullable(),
})
export type DescribeRequest = z.infer<typeof describeRequestSchema>

/** What a pass over the layers found. */
export interface Found {
  pass: PassResult
  catalogue: Catalogue
}

/** What a reviewer is told of a description. The documents are delivered by their file names. */
export interface SbomResult {
  identity: string
  digest: Digest
  configDigest: Digest
  diffIds: Digest[]
  os: string | null
  packages: number
  /** Packages by type: `deb`, `npm`. */
  byType: Record<string, number>
  /** Packages that lie inside another one. */
  owned: number
  files: number
  unattributed: number
  unreadable: Gap[]
  quality: { text: string; elements: { element: string; state: string }[] }
  engine: string
  documents: { file: DocumentFile; digest: Digest }[]
  /** What was described, where that is not an image. */
  subject?: SubjectResult | undefined
}

/** A subject that is not an image. */
export interface SubjectResult {
  kind: SubjectKind
  version: string | null
  identifiers: [type: string, value: string][]
  /** Why a source is not the commit that it was changed from, one line a path; empty for all else. */
  unclean: string[]
}

/** Writes the documents of what was found, keeps it for later tasks of the job, and delivers them. */
export async function describe(
  store: Store,
  found: Found,
  request: DescribeRequest,
  context: TaskContext,
  keep = true,
): Promise<Outcome<SbomResult>> {
  const { ports, work } = context
  warnOfGaps(found.catalogue, ports)
  const described = describePass(found.pass, found.catalogue, { epoch: request.epoch ?? undefined })
  if (keep) await keepPass(work, described, found.catalogue)
  const written = await deliverDocuments(described, request, context)
  return { result: resultOf(store, described, written), events: [eventOf(store, described, written)] }
}

/** Never silently less: what was not read is on the terminal, too. */
export function warnOfGaps({ gaps }: Catalogue, { log }: Ports): void {
  for (const { path, kind, why } of gaps) log.warn(`${path} (${kind}) is not described: ${why}`)
}

/** A document that was delivered, as the journal names it. */
export interface Written {
  file: DocumentFile
  digest: Digest
  artifact: Artifact
}

/** Delivers the documents that a request asks for. */
export async function deliverDocuments(
  described: Pick<Described, 'spdx' | 'cyclonedx' | 'inventory'>,
  { formats }: DescribeRequest,
  { caller }: Pick<TaskContext, 'caller'>,
): Promise<Written[]> {
  const written: Written[] = []
  for (const { format, file, role, mediaType, bytes: make } of documents) {
    if (format !== null && !formats.includes(format)) continue
    written.push(await deliverDocument({ file, role, mediaType }, make(described), { caller }))
  }
  return written
}

/** Delivers one document. The journal says nothing of the host: it has the document's name, never its path. */
export async function deliverDocument(
  { file, role, mediaType }: { file: DocumentFile; role: Artifact['role']; mediaType: string },
  bytes: Buffer,
  { caller }: Pick<TaskContext, 'caller'>,
): Promise<Written> {
  await caller.deliver(file, once(bytes))
  const digest = sha256(bytes)
  return { file, digest, artifact: { role, name: file, digest, mediaType } }
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}

function resultOf(store: Store, described: Described, written: readonly Written[]): SbomResult {
  const { description, pass } = described
  return {
    ...resultFacts(described, written),
    identity: store.identity,
    digest: pass.image.descriptor.digest,
    configDigest: description.configDigest,
    diffIds: pass.layers.map(({ diffId }) => diffId),
  }
}

/** What a result says of a description, whatever its subject. */
export function resultFacts(
  { description, packages, files, quality }: Omit<Described, 'pass'>,
  written: readonly Written[],
): Omit<SbomResult, 'identity' | 'digest' | 'configDigest' | 'diffIds' | 'subject'> {
  const byType: Record<string, number> = {}
  for (const { type } of description.packages) byType[type] = (byType[type] ?? 0) + 1
  return {
    os: description.os?.prettyName ?? null,
    packages,
    byType,
    owned: description.packages.filter(({ ownedBy }) => ownedBy !== null).length,
    files,
    unattributed: description.coverage.unattributed,
    unreadable: description.gaps,
    quality: { text: quality.text, elements: quality.elements },
    engine,
    documents: written.map(({ file, digest }) => ({ file, digest })),
  }
}

function eventOf(store: Store, described: Described, written: readonly Written[]): TaskEvent {
  return {
    facts: {
      kind: 'sbom',
      inputs: imageInputs(described.pass.image, store.identity),
      outputs: written.map(({ artifact }) => artifact),
      result: { packages: described.packages, engine },
    },
    isolation: noSteps,
  }
}
