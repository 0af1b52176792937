import { z } from 'zod'
import { sha256 } from '../../base/streams.ts'
import type { Digest, Store } from '../../oci/types.ts'
import { engine } from '../../sbom/formats/spdx.ts'
import type { Catalogue, Coverage, Gap } from '../../sbom/model.ts'
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
}

/** Writes the documents of what was found, keeps it for later tasks of the job, and delivers them. */
export async function describe(
  store: Store,
  found: Found,
  request: DescribeRequest,
  context: TaskContext,
  keep = true,
): Promise<Outcome<SbomResult>> {
  const { caller, ports, work } = context
  const { gaps } = found.catalogue
  warnOfGaps(gaps, ports.log)
  if (request.incomplete === 'refuse') refuseGaps(gaps)
  const described = describePass(found.pass, found.catalogue, {
    epoch: request.epoch ?? undefined,
    author: request.author,
    supplier: request.supplier,
  })
  if (keep) await keepPass(work, described, found.catalogue)
  const written: { kind: DocumentKind; digest: Digest }[] = []
  for (const kind of documentsOf(request.formats)) {
    const bytes = kind.bytes(described)
    await caller.deliver(kind.file, once(bytes))
    written.push({ kind, digest: sha256(bytes) })
  }
  return { result: resultOf(store, described, written), events: [eventOf(store, described, written)] }
}

async function* once(bytes: Buffer): AsyncGenerator<Uint8Array> {
  yield bytes
}

function resultOf(
  store: Store,
  { description, pass, packages, files, quality }: Described,
  written: readonly { kind: DocumentKind; digest: Digest }[],
): SbomResult {
  const byType: Record<string, number> = {}
  for (const { type } of description.packages) byType[type] = (byType[type] ?? 0) + 1
  return {
    identity: store.identity,
    digest: pass.image.descriptor.digest,
    configDigest: description.configDigest,
    diffIds: pass.layers.map(({ diffId }) => diffId),
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
    engine,
    documents: written.map(({ kind: { file, format, role }, digest }) => ({ file, format, role, digest })),
  }
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

/** Names in the event are those of the documents, never paths: the journal says nothing of the host. */
function eventOf(
  store: Store,
  described: Described,
  written: readonly { kind: DocumentKind; digest: Digest }[],
): TaskEvent {
  return {
    facts: {
      kind: 'sbom',
      inputs: imageInputs(described.pass.image, store.identity),
      outputs: written.map(({ kind: { role, file, mediaType }, digest }) => ({ role, name: file, digest, mediaType })),
      result: { packages: described.packages, engine },
    },
    isolation: noSteps,
  }
}
