import { InputError } from '../../../base/errors.ts'
import type { Digest } from '../../../oci/types.ts'
import type { Catalogue, Gap } from '../../../sbom/model.ts'
import { sbomReaders } from '../../../sbom/readers.ts'
import { describeTree } from '../../../sbom/subjects/describe.ts'
import { CardReader } from '../../../sbom/subjects/model/card.ts'
import type { ModelFacts } from '../../../sbom/subjects/model/facts.ts'
import { omsFiles, omsStatement } from '../../../sbom/subjects/model/oms.ts'
import { treeSubject } from '../../../sbom/subjects/subject.ts'
import { openPackedTree, type PackedTree } from '../../../sbom/subjects/tree/packed.ts'
import { passTree } from '../../../sbom/subjects/tree/pass.ts'
import type { Subject } from '../../../sbom/subjects/types.ts'
import { noSteps } from '../../../statement/isolation.ts'
import type { Outcome, TaskContext } from '../../context.ts'
import {
  deliverDocument,
  deliverDocuments,
  resultFacts,
  warnOfGaps,
  type DescribeRequest,
  type SbomResult,
} from '../describe.ts'
import { treeName, type FolderSubjectRequest } from '../request.ts'
import { sourceCommit, sourceFacts } from './git.ts'
import { openFolder } from './open.ts'

/** Describes a folder: its own process reads it where no worker does, else the step streams it (TRUST §4). */
export async function describeFolder(
  request: FolderSubjectRequest,
  documents: DescribeRequest,
  context: TaskContext,
): Promise<Outcome<SbomResult>> {
  const { ports } = context
  const opened = await openRequested(request, context)
  const commit = sourceCommit(opened.about)
  const readers = sbomReaders(request.kind === 'source' ? 'source' : 'image')
  const model = request.kind === 'model' || request.kind === 'dataset' ? new CardReader() : null
  const all = [...readers.readers, ...(model === null ? [] : [model])]
  const pass = await passTree(opened.tree, all, commit === null ? [] : [commit.tap])
  const found = readers.finish(pass.inventory)
  const plain = treeSubject(request.kind, request.name, pass.inventory)
  const source = commit === null ? null : sourceFacts(commit, pass.inventory, plain)
  for (const line of source?.unclean ?? []) ports.log.warn(`not as in the commit: ${line}`)
  const signing = model === null ? null : omsFiles(pass.inventory)
  const card = await model?.finish(found)
  const catalogue = withGaps(found, [
    ...[...pass.gaps, ...(source?.gaps ?? [])],
    ...[...(signing?.gaps ?? []), ...(card?.gaps ?? [])],
  ])
  warnOfGaps(catalogue, ports)
  const subject = signing === null ? (source?.subject ?? plain) : modelSubject(plain, signing.root, card?.facts)
  const described = describeTree(subject, pass, catalogue, {
    created: documents.epoch ?? source?.committed ?? 0,
  })
  const written = await deliverDocuments(described, documents, context)
  if (signing !== null)
    written.push(await deliverDocument(signingManifest, omsStatement(subject.name, signing), context))
  const result: SbomResult = {
    ...resultFacts(described, written),
    identity: subject.name,
    digest: subject.digest,
    configDigest: subject.digest,
    diffIds: [],
    subject: { ...subjectFacts(subject), unclean: source?.unclean ?? [] },
  }
  return {
    result,
    events: [
      {
        facts: {
          kind: 'sbom',
          inputs: [{ role: subject.kind, name: subject.name, digest: subject.digest, mediaType: treeMediaType }],
          outputs: written.map(({ artifact }) => artifact),
          result: { packages: described.packages, engine: result.engine },
        },
        isolation: noSteps,
      },
    ],
  }
}

/** A tree has no media type of its own; its digest is over what `sha256sum` prints for its files. */
const treeMediaType = 'application/vnd.sealwright.tree.v1'

const signingManifest = {
  file: 'model.oms.json',
  role: 'model-manifest',
  mediaType: 'application/vnd.in-toto+json',
} as const

/** A model or dataset is named by the root digest that its signers sign, so that documents and signature speak of one thing. */
function modelSubject(plain: Subject, root: Digest, model: ModelFacts | undefined): Subject {
  return {
    ...plain,
    digest: root,
    checksums: [{ algorithm: 'SHA-256', value: root.slice('sha256:'.length) }],
    identifiers: [['oms-root', root], ...plain.identifiers],
    model,
  }
}

function subjectFacts({
  kind,
  version,
  identifiers,
}: Subject): Pick<NonNullable<SbomResult['subject']>, 'kind' | 'version' | 'identifiers'> {
  return { kind, version, identifiers }
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
