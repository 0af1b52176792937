import { VerificationError } from '../../base/errors.ts'
import type { LabelMap } from '../../encoding/cbor/label-map.ts'
import { readCbor } from '../../encoding/cbor/read.ts'
import { readClaims } from '../../sign/cose/claims.ts'
import { headers } from '../../sign/cose/labels.ts'
import { parseSign1, type Sign1 } from '../../sign/cose/sign1.ts'

/** Proofs in one receipt. */
const mostProofs = 16

/** Kinds of trees (IANA registry "COSE Verifiable Data Structure Algorithms") that we verify. */
export const trees = { rfc9162: 1, ccf: 2 } as const

/** A receipt of a transparency service (RFC 9942): a signature over the root of its log, and proofs that lead there. */
export interface Receipt {
  readonly message: Sign1
  readonly tree: 'rfc9162' | 'ccf'
  /** The service, as it calls itself; null where it does not. */
  readonly issuer: string | null
  /** Names the service's key; null where it does not. */
  readonly kid: Buffer | null
  /** When the service says that it registered the statement. */
  readonly issuedAt: Date | null
  /** Encoded proofs of inclusion. */
  readonly inclusion: readonly Buffer[]
  /** Encoded proofs of consistency. */
  readonly consistency: readonly Buffer[]
}

/** A receipt in a form of others, or of a tree that we do not verify: it says nothing for or against a statement. */
export interface UnsupportedReceipt {
  readonly tree: 'unsupported'
  readonly why: string
  readonly issuer: string | null
}

/** Labels of the proofs in a receipt (RFC 9942 §4.1). */
export const proofLabels = { inclusion: -1, consistency: -2 } as const

/**
 * Reads a receipt (RFC 9942 §4, §5). Earlier forms (`tree_alg` of CCF, labels 390 and 391, no CBOR tag) and other trees are reported as unsupported.
 *
 * @param subject what it is, for errors
 * @throws VerificationError `format-invalid`
 */
export function parseReceipt(bytes: Uint8Array, subject: string): Receipt | UnsupportedReceipt {
  if (readCbor(bytes, subject).kind !== 'tag')
    return { tree: 'unsupported', why: 'it has a form from before RFC 9942: no CBOR tag', issuer: null }
  const message = parseSign1(bytes, subject)
  const issuer = readClaims(message)?.issuer ?? null
  const vds = message.protected.integer(headers.vds)
  const tree = vds === trees.rfc9162 ? 'rfc9162' : vds === trees.ccf ? 'ccf' : null
  if (tree === null) {
    const why = vds === null ? 'it names no tree in its protected header' : `its tree has the number ${vds}`
    return { tree: 'unsupported', why, issuer }
  }
  const proofs = message.unprotected.map(headers.vdp)
  if (proofs === null) throw refuse(subject, 'contains no proofs')
  return {
    message,
    tree,
    issuer,
    kid: message.protected.bytes(headers.kid),
    issuedAt: readClaims(message)?.issuedAt ?? null,
    inclusion: proofList(proofs, proofLabels.inclusion, subject),
    consistency: proofList(proofs, proofLabels.consistency, subject),
  }
}

function proofList(proofs: LabelMap, label: number, subject: string): Buffer[] {
  const items = proofs.array(label)
  if (items === null) return []
  if (items.length === 0 || items.length > mostProofs)
    throw refuse(subject, `contains ${items.length} proofs, expected 1 to ${mostProofs}`)
  return items.map((item) => {
    if (item.kind !== 'bytes') throw refuse(subject, 'has a proof that is not a byte string')
    return item.value
  })
}

function refuse(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject })
}
