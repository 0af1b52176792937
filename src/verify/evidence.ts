import { createPublicKey } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import { collect } from '../base/streams.ts'
import { parseBinding, thumbprint, type Binding } from '../journal/binding.ts'
import { parseJournal, type JournalEvent } from '../journal/event.ts'
import { evidenceMediaTypes, parseEvidenceIndex, type EvidenceIndex } from '../journal/evidence-bundle.ts'
import { isIndex } from '../oci/manifest.ts'
import type { Descriptor, Digest, Manifest, Store } from '../oci/types.ts'
import { loadPublicKey, type PublicKey } from '../sign/public-key.ts'
import { parseTeeEvidence } from '../tee/evidence.ts'
import type { TeeEvidence } from '../tee/types.ts'

const limits = { headBytes: 1 << 20, documentBytes: 16 << 20, totalBytes: 64 << 20 } as const

export interface Report {
  role: 'open' | 'seal'
  binding: Binding
  evidence: TeeEvidence
}

/** A raw evidence bundle whose documents have the digests that its index names; nothing in it is verified yet. */
export interface Evidence {
  manifest: Digest
  /** The image or index that its manifest names as subject. */
  subject: Digest
  index: EvidenceIndex
  open: Report
  /** At least one; the last closes the journal. */
  seals: [Report, ...Report[]]
  /** Stored bytes of the journal. */
  journal: Buffer
  token: string | null
  /** K of the open report: thumbprint, SPKI PEM, and the hint that bundles name it by. */
  key: { thumbprint: string; pem: string; hint: string }
}

/** The part of an evidence bundle that says whose it is, before anything costly is read. */
export interface EvidenceHead {
  manifest: Digest
  /** Digest that its manifest names as `subject`. */
  subject: Digest
  binding: Binding
  token: string | null
  key: Evidence['key'] & { object: PublicKey }
}

/** Whether a manifest claims to hold evidence, by its first layer: annotations and artifact types are hints. */
export function isEvidence(content: Manifest): boolean {
  return content.layers[0]?.mediaType === evidenceMediaTypes.index
}

/**
 * Reads index, open binding and token of an evidence bundle: all that tells a job's own from what a stranger attached.
 *
 * @throws VerificationError `missing-evidence`, `missing-blob`, `digest-mismatch`, `evidence-invalid`, `binding-mismatch`
 */
export async function readEvidenceHead(store: Store, content: Manifest, digest: Digest): Promise<EvidenceHead> {
  const read = reader(store, content, digest, limits.headBytes)
  const [head] = content.layers
  if (head?.mediaType !== evidenceMediaTypes.index) throw invalid(digest, 'does not begin with an evidence index')
  if (content.subject === undefined) throw invalid(digest, 'names no subject')
  const index = parseEvidenceIndex(await read(head.digest))
  const [open] = index.reports
  if (open?.role !== 'open') throw invalid(digest, 'does not begin with an open report')
  const binding = parseBinding(await read(open.binding), `binding ${open.binding}`)
  const pem = pemOf(binding.key, digest)
  const object = loadPublicKey(pem)
  return {
    manifest: digest,
    subject: content.subject.digest,
    binding,
    token: index.token === null ? null : (await read(index.token)).toString('latin1'),
    key: { thumbprint: thumbprint(binding.key), pem, hint: object.hint, object },
  }
}

/**
 * Reads the evidence bundle of a subject.
 *
 * @throws VerificationError `subject-mismatch`, `missing-evidence`, `missing-blob`, `digest-mismatch`, `evidence-invalid`, `binding-mismatch`
 */
export async function readEvidence(store: Store, digest: Digest, subject: Digest): Promise<Evidence> {
  const { content } = await store.getManifest(digest)
  if (isIndex(content)) throw invalid(digest, 'is an index, not a manifest')
  if (content.subject?.digest !== subject) {
    throw new VerificationError(
      'subject-mismatch',
      `the evidence ${digest} speaks of ${content.subject?.digest ?? 'nothing'}, not of ${subject}`,
      {
        subject: digest,
      },
    )
  }
  const read = reader(store, content, digest, limits.documentBytes)
  const head = content.layers[0]
  if (head?.mediaType !== evidenceMediaTypes.index) throw invalid(digest, 'does not begin with an evidence index')
  const index = parseEvidenceIndex(await read(head.digest))
  const reports: Report[] = []
  for (const item of index.reports) {
    const binding = parseBinding(await read(item.binding), `binding ${item.binding}`)
    reports.push({
      role: item.role,
      binding,
      evidence: parseTeeEvidence(await read(item.evidence), `TEE evidence ${item.evidence}`),
    })
  }
  const [open, first, ...rest] = reports
  if (open?.role !== 'open' || first === undefined || [first, ...rest].some((report) => report.role !== 'seal')) {
    throw invalid(digest, 'does not hold one open report and then seals')
  }
  const pem = pemOf(open.binding.key, digest)
  return {
    manifest: digest,
    subject,
    index,
    open,
    seals: [first, ...rest],
    journal: await read(index.journal),
    token: index.token === null ? null : (await read(index.token)).toString('latin1'),
    key: { thumbprint: thumbprint(open.binding.key), pem, hint: loadPublicKey(pem).hint },
  }
}

/**
 * The journal of an evidence bundle, with nothing else of it looked at: what it names may be there, and is not believed.
 *
 * @throws VerificationError `missing-evidence`, `missing-blob`, `digest-mismatch`, `evidence-invalid`, `journal-broken`
 */
export async function readEvidenceJournal(store: Store, digest: Digest): Promise<JournalEvent[]> {
  const { content } = await store.getManifest(digest)
  if (isIndex(content)) throw invalid(digest, 'is an index, not a manifest')
  const [head] = content.layers
  if (head?.mediaType !== evidenceMediaTypes.index) throw invalid(digest, 'does not begin with an evidence index')
  const read = reader(store, content, digest, limits.documentBytes)
  return parseJournal(await read(parseEvidenceIndex(await read(head.digest)).journal))
}

function reader(store: Store, manifest: Manifest, subject: Digest, most: number): (digest: string) => Promise<Buffer> {
  const layers = new Map<string, Descriptor>(manifest.layers.map((layer) => [layer.digest, layer]))
  let left: number = limits.totalBytes
  return async (digest) => {
    const layer = layers.get(digest)
    if (layer === undefined) {
      throw new VerificationError('missing-evidence', `the evidence names ${digest}, which is no part of it`, {
        subject,
      })
    }
    left -= layer.size
    if (layer.size > most || left < 0) throw invalid(subject, 'is larger than the limit')
    return collect(await store.openBlob(layer), layer.size, layer.digest)
  }
}

/** A point that is not on the curve has the form of a key, and is none. */
function pemOf(key: Binding['key'], digest: string): string {
  try {
    return createPublicKey({ key: { ...key }, format: 'jwk' })
      .export({ format: 'pem', type: 'spki' })
      .toString()
  } catch (cause) {
    throw new VerificationError(
      'evidence-invalid',
      `the evidence ${digest} contains an invalid public key: the point is not on the curve`,
      {
        subject: digest,
        cause,
      },
    )
  }
}

function invalid(digest: string, why: string): VerificationError {
  return new VerificationError('evidence-invalid', `the evidence ${digest} ${why}`, { subject: digest })
}
