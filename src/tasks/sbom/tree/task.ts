import { InputError } from '../../../base/errors.ts'
import { inSandbox } from '../../../build/sandbox/open.ts'
import type { Digest } from '../../../oci/types.ts'
import type { Catalogue, Gap } from '../../../sbom/model.ts'
import { sbomReaders } from '../../../sbom/readers.ts'
import { describeTree } from '../../../sbom/subjects/describe.ts'
import { CardReader } from '../../../sbom/subjects/model/card.ts'
import type { ModelFacts } from '../../../sbom/subjects/model/facts.ts'
import { omsFiles, omsStatement } from '../../../sbom/subjects/model/oms.ts'
import { treeSubject } from '../../../sbom/subjects/subject.ts'
import { openPackedTree, type PackedTree } from '../../../sbom/subjects/tree/packed.ts'
import { passTree, type Tap } from '../../../sbom/subjects/tree/pass.ts'
import type { Subject, TreeKind } from '../../../sbom/subjects/types.ts'
import { noSteps } from '../../../statement/isolation.ts'
import type { Outcome, TaskContext } from '../../context.ts'
import { refuseGaps, warnOfGaps } from '../completeness.ts'
import {
  deliverDocuments,
  outputsOf,
  resultFacts,
  type DescribeRequest,
  type EnginesUsed,
  type SbomResult,
} from '../describe.ts'
import { documentsOf, signingManifest } from '../documents.ts'
import { withDisk } from '../disk/open.ts'
import { readByEngines } from '../engine/tree.ts'
import { treeName, type DiskRequest, type EngineRequest, type FolderSubjectRequest } from '../request.ts'
import { sourceCommit, sourceFacts } from './git.ts'
import { openFolder } from './open.ts'

/** A tree has no media type of its own; its digest is over what `sha256sum` prints for its files. */
const treeMediaType = 'application/vnd.sealwright.tree.v1'

/** How a tree is described. */
interface TreeOptions {
  describe: DescribeRequest
  engine: EngineRequest
}

/** A tree that was passed over: what it is, and what was found in it. */
interface FoundTree {
  subject: Subject
  catalogue: Catalogue
  pass: Awaited<ReturnType<typeof passTree>>
  /** Bytes of the signing manifest of a model or dataset. */
  manifest: Buffer | null
  /** Why a source is not its commit. */
  unclean: string[]
  /** Seconds since 1970, where the tree says when it was made. */
  created: number | null
}

/** Describes a folder: its own process reads it where no worker does, else the step streams it (TRUST §4). */
export async function describeFolder(
  request: FolderSubjectRequest,
  { describe, engine }: TreeOptions,
  context: TaskContext,
): Promise<Outcome<SbomResult>> {
  const read = request.kind === 'source' ? readSource : readFolder
  const found = await readByEngines(engine, request.kind, context, async (taps) =>
    read(request, await openRequested(request, context), taps),
  )
  for (const line of found.unclean) context.ports.log.warn(`not as in the commit: ${line}`)
  return describeFound(found, describe, context)
}

/** Describes the root file system of a disk image. */
export async function describeDisk(
  request: DiskRequest,
  { describe, engine }: TreeOptions,
  context: TaskContext,
): Promise<Outcome<SbomResult>> {
  return withDisk(request, context, async ({ tree, sha256, fileSystem, partition }) => {
    const found = await readByEngines(engine, 'disk', context, (taps) =>
      readFolder({ kind: 'disk', name: request.name }, { about: new Map(), tree }, taps),
    )
    const { identifiers } = found.subject
    const digest = `sha256:${sha256}` as const
    const place: [string, string][] =
      partition === null ? [] : [['partition', `#${partition.number} ${partition.type}`]]
    const subject: Subject = {
      ...found.subject,
      digest,
      checksums: [{ algorithm: 'SHA-256', value: sha256 }],
      identifiers: [...identifiers, ['file-system', fileSystem], ...place],
    }
    const { result, events } = await describeFound({ ...found, subject }, describe, context)
    return { result, events: events.map((event) => ({ ...event, isolation: inSandbox('none') })) }
  })
}

async function describeFound(
  { subject, catalogue, pass, manifest, unclean, created, engines }: FoundTree & { engines: EnginesUsed | null },
  documents: DescribeRequest,
  context: TaskContext,
): Promise<Outcome<SbomResult>> {
  warnOfGaps(catalogue.gaps, context.ports.log)
  if (documents.incomplete === 'refuse') refuseGaps(catalogue.gaps)
  const { author, supplier } = documents
  const described = describeTree(subject, pass, catalogue, {
    epoch: documents.epoch ?? created ?? 0,
    author,
    supplier,
    engines: engines?.facts,
  })
  const kinds = [...documentsOf(documents.formats), ...(manifest === null ? [] : [signingManifest(manifest)])]
  const written = await deliverDocuments(described, kinds, context)
  const { kind, name, version, digest, identifiers } = subject
  const result: SbomResult = {
    ...resultFacts(described, written),
    identity: name,
    digest,
    configDigest: digest,
    diffIds: [],
    subject: { kind, version, identifiers, unclean },
    ...(engines === null ? {} : { only: engines.only }),
  }
  const facts = {
    kind: 'sbom' as const,
    inputs: [{ role: kind, name, digest, mediaType: treeMediaType }],
    outputs: outputsOf(written),
    result: { packages: described.packages, engine: result.engine },
  }
  return { result, events: [{ facts, isolation: engines === null ? noSteps : inSandbox('none') }] }
}

async function readSource(
  { kind, name }: FolderSubjectRequest,
  { about, tree }: PackedTree,
  taps: readonly Tap[],
): Promise<FoundTree> {
  const commit = sourceCommit(about)
  const readers = sbomReaders('source')
  const pass = await passTree(tree, readers.readers, commit === null ? taps : [...taps, commit.tap])
  const plain = treeSubject(kind, name, pass.inventory)
  const source = commit === null ? null : sourceFacts(commit, pass.inventory, plain)
  return {
    subject: source?.subject ?? plain,
    catalogue: withGaps(readers.finish(pass.inventory), [...pass.gaps, ...(source?.gaps ?? [])]),
    pass,
    manifest: null,
    unclean: source?.unclean ?? [],
    created: source?.committed ?? null,
  }
}

async function readFolder(
  { kind, name }: { kind: TreeKind; name: string },
  { tree }: PackedTree,
  taps: readonly Tap[],
): Promise<FoundTree> {
  const isModel = kind === 'model' || kind === 'dataset'
  const readers = sbomReaders('image')
  const cards = new CardReader()
  const pass = await passTree(tree, isModel ? [...readers.readers, cards] : readers.readers, taps)
  const plain = treeSubject(kind, name, pass.inventory)
  const catalogue = withGaps(readers.finish(pass.inventory), pass.gaps)
  const found = { pass, unclean: [], created: null }
  if (!isModel) return { ...found, subject: plain, catalogue, manifest: null }
  const signing = omsFiles(pass.inventory)
  const card = await cards.finish(catalogue)
  return {
    ...found,
    subject: modelSubject(plain, signing.root, card.facts),
    catalogue: withGaps(catalogue, [...signing.gaps, ...card.gaps]),
    manifest: omsStatement(name, signing),
  }
}

/** A model or dataset is named by the root digest that its signers sign, so that documents and signature speak of one thing. */
function modelSubject(plain: Subject, root: Digest, model: ModelFacts): Subject {
  return {
    ...plain,
    digest: root,
    checksums: [{ algorithm: 'SHA-256', value: root.slice('sha256:'.length) }],
    identifiers: [['oms-root', root], ...plain.identifiers],
    model,
  }
}

async function openRequested(request: FolderSubjectRequest, { ports, caller }: TaskContext): Promise<PackedTree> {
  const { kind, path, exclude } = request
  if (ports.remote === undefined) {
    if (path !== null) return openFolder({ kind, path, exclude }, ports)
    throw new InputError('input-missing', 'the request names no folder', { subject: 'subject' })
  }
  // A path of the job means nothing here.
  if (path !== null) throw new InputError('input-invalid', 'a worker reads no path of the job', { subject: 'subject' })
  return openPackedTree(() => caller.fetch(treeName))
}

function withGaps(catalogue: Catalogue, gaps: readonly Gap[]): Catalogue {
  const all = [...catalogue.gaps, ...gaps]
  const key = ({ path, kind }: Gap): string => `${path}\0${kind}`
  return { ...catalogue, gaps: all.sort((a, b) => (key(a) < key(b) ? -1 : 1)) }
}
