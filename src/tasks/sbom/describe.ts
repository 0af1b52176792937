import { z } from 'zod'
import { sha256 } from '../../base/streams.ts'
import type { Digest, Store } from '../../oci/types.ts'
import { engine } from '../../sbom/formats/spdx.ts'
import type { Catalogue, Coverage, Gap } from '../../sbom/model.ts'
import type { EngineFacts } from '../../sbom/engines/types.ts'
import type { SubjectKind } from '../../sbom/subjects/types.ts'
import { describePass, type Described } from '../../sbom/scan.ts'
import type { PassResult } from '../../image/types.ts'
import { type Outcome, type TaskContext, type TaskEvent } from '../context.ts'
import { imageInputs } from '../images.ts'
import { sbomFormats } from '../../sbom/formats/names.ts'
import { coveragePercent, refuseGaps, unreadKinds, warnOfGaps } from './completeness.ts'
import { documentsOf, type DocumentKind } from './documents.ts'
import { keepPass } from './kept.ts'
import { noSteps } from '../../statement/isolation.ts'

const partySchema = z.strictObject({
  kind: z.enum(['person', 'organization']),
  name: z.string().min(1).max(1024),
  email: z.string().max(1024).optional(),
  url: z.string().max(2048).optional(),
})

/** What of a description its step asks for. */
export const describeRequestSchema = z.strictObject({
  formats: z.array(z.enum(sbomFormats)).min(1),
  /** SOURCE_DATE_EPOCH, in seconds. */
  epoch: z.int().min(0).nullable(),
  /** Who makes the documents, and who supplies the image; null: unknown. */
  author: partySchema.nullable(),
  supplier: partySchema.nullable(),
  /** What becomes of a description with gaps. */
  incomplete: z.enum(['warn', 'refuse']),
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
  /** Layers that leave out zeros at the end of their archive. */
  omitting?: number | undefined
  os: string | null
  packages: number
  /** Packages by type: `deb`, `npm`. */
  byType: Record<string, number>
  /** Packages that lie inside another one. */
  owned: number
  files: number
  unattributed: number
  /** Share of the files that some package owns, in percent. */
  coverage: string
  gaps: Gap[]
  /** Kinds of packages that the gaps hide, sorted. */
  unread: string[]
  /** Packaged files that are not as their package says, executables without a package, files with setuid or capabilities. */
  findings: { modified: number; missing: number; checked: number; executables: number; privileged: number }
  quality: { text: string; elements: { element: string; state: string }[] }
  engine: string
  documents: { file: string; format: string | null; role: string; digest: Digest }[]
  /** purls that only one engine found, sorted; where two ran. */
  only?: EnginesUsed['only'] | undefined
  /** What was described, where that is not an image. */
  subject?: SubjectResult | undefined
}

/** Engines beside our own catalogers. */
export interface EnginesUsed {
  facts: readonly EngineFacts[]
  only: { builtin: string[]; syft: string[] }
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
  engines: EnginesUsed | null = null,
): Promise<Outcome<SbomResult>> {
  const { ports, work } = context
  const { gaps } = found.catalogue
  warnOfGaps(gaps, ports.log)
  if (request.incomplete === 'refuse') refuseGaps(gaps)
  const described = describePass(found.pass, found.catalogue, {
    epoch: request.epoch ?? undefined,
    author: request.author,
    supplier: request.supplier,
    engines: engines?.facts,
  })
  if (keep) await keepPass(work, described, found.catalogue)
  const written = await deliverDocuments(described, documentsOf(request.formats), context)
  const result: SbomResult = {
    ...resultOf(store, described, written),
    ...(engines === null ? {} : { only: engines.only }),
  }
  return { result, events: [eventOf(store, described, written)] }
}

/** A document that was delivered. */
export interface Written {
  kind: DocumentKind
  digest: Digest
}

/** Delivers the documents of a description. */
export async function deliverDocuments(
  described: Pick<Described, 'encode' | 'inventoryDocument'>,
  kinds: readonly DocumentKind[],
  { caller }: Pick<TaskContext, 'caller'>,
): Promise<Written[]> {
  const written: Written[] = []
  for (const kind of kinds) {
    const bytes = kind.bytes(described)
    const isWhole = Buffer.isBuffer(bytes)
    await caller.deliver(kind.file, flow(isWhole ? [bytes] : bytes.chunks()))
    written.push({ kind, digest: isWhole ? sha256(bytes) : bytes.digest })
  }
  return written
}

async function* flow(chunks: Iterable<Buffer>): AsyncGenerator<Uint8Array> {
  yield* chunks
}

function resultOf(store: Store, described: Described, written: readonly Written[]): SbomResult {
  const { description, pass } = described
  const omitting = pass.layers.filter(({ omitted }) => omitted !== undefined).length
  return {
    ...resultFacts(described, written),
    identity: store.identity,
    digest: pass.image.descriptor.digest,
    configDigest: description.configDigest,
    diffIds: pass.layers.map(({ diffId }) => diffId),
    ...(omitting === 0 ? {} : { omitting }),
  }
}

/** What a result says of a description, whatever its subject. */
export function resultFacts(
  { description, packages, files, quality }: Omit<Described, 'pass'>,
  written: readonly Written[],
): Omit<SbomResult, 'identity' | 'digest' | 'configDigest' | 'diffIds' | 'omitting' | 'subject'> {
  const byType: Record<string, number> = {}
  for (const { type } of description.packages) byType[type] = (byType[type] ?? 0) + 1
  return {
    os: description.os?.prettyName ?? null,
    packages,
    byType,
    owned: description.packages.filter(({ ownedBy }) => ownedBy !== null).length,
    files,
    unattributed: description.coverage.unattributed,
    coverage: coveragePercent(description.coverage, files),
    gaps: description.gaps,
    unread: unreadKinds(description.gaps),
    findings: findingsOf(description.coverage),
    quality: { text: quality.text, elements: quality.elements },
    engine: [engine, ...(description.engines ?? []).map(engineInWords)].join(', '),
    documents: written.map(({ kind: { file, format, role }, digest }) => ({ file, format, role, digest })),
  }
}

function engineInWords({ name, version, sha256 }: EngineFacts): string {
  return version === null ? `${name} (sha256:${sha256})` : `${name}-${version}`
}

function findingsOf({ findings, checked, executables, privileged }: Coverage): SbomResult['findings'] {
  const count = (kind: string): number => findings.filter((finding) => finding.kind === kind).length
  return {
    modified: count('modified'),
    missing: count('missing'),
    checked,
    executables: executables.length,
    privileged: privileged.length,
  }
}

function eventOf(store: Store, described: Described, written: readonly Written[]): TaskEvent {
  return {
    facts: {
      kind: 'sbom',
      inputs: imageInputs(described.pass.image, store.identity),
      outputs: outputsOf(written),
      result: { packages: described.packages, engine },
    },
    isolation: noSteps,
  }
}

/** Documents as the journal names them: by their own names, never by paths, since the journal says nothing of the host. */
export function outputsOf(written: readonly Written[]): TaskEvent['facts']['outputs'] {
  return written.map(({ kind: { role, file, mediaType }, digest }) => ({ role, name: file, digest, mediaType }))
}
