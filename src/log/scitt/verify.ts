import { createHash } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { encodeCbor } from '../../encoding/cbor/write.ts'
import { headers } from '../../sign/cose/labels.ts'
import { withUnprotected, type Sign1 } from '../../sign/cose/sign1.ts'
import { verifySign1 } from '../../sign/cose/verify.ts'
import { ccfRoot, consistencyRoot, readConsistency, rfc9162Root } from './proofs.ts'
import { parseReceipt, type Receipt } from './receipt.ts'
import { keysFor, type ScittService } from './services.ts'

/** What came of one receipt. Only `verified` counts; none of the others keeps another receipt from counting. */
export interface ReceiptVerdict {
  readonly status: 'verified' | 'refused' | 'unsupported' | 'unknown-service'
  /** Name of the service that registered the statement; null unless verified. */
  readonly service: string | null
  /** Whom the receipt names as its issuer. Believed only if verified. */
  readonly issuer: string | null
  /** When the service says that it registered the statement. Believed only if verified. */
  readonly registeredAt: Date | null
  readonly why: string
}

/** Receipts that one statement may carry. */
const mostReceipts = 32

/** The statement as services register it: with an empty unprotected header, all other bytes as they were sent. */
export function registeredForm(statement: Sign1): Buffer {
  return withUnprotected(statement, encodeCbor(new Map()))
}

/**
 * Judges every receipt that a transparent statement carries in its unprotected header (label 394). The statement's own signature is not judged
 * here.
 *
 * @returns one verdict a receipt, in their order
 * @throws VerificationError `format-invalid` where the list is malformed or too long
 */
export function judgeReceipts(statement: Sign1, services: readonly ScittService[]): ReceiptVerdict[] {
  const { subject } = statement
  const items = statement.unprotected.array(headers.receipts) ?? []
  if (items.length > mostReceipts)
    throw new VerificationError('format-invalid', `${subject} carries more than ${mostReceipts} receipts`, { subject })
  return items.map((item, n) =>
    item.kind === 'bytes'
      ? judgeReceipt(item.value, statement, services, `receipt ${n} of ${subject}`)
      : { status: 'unsupported', service: null, issuer: null, registeredAt: null, why: 'it is not a byte string' },
  )
}

/** Judges one receipt for a statement. @param subject what it is, for reasons */
export function judgeReceipt(
  bytes: Uint8Array,
  statement: Sign1,
  services: readonly ScittService[],
  subject: string,
): ReceiptVerdict {
  const none = { service: null, issuer: null, registeredAt: null }
  let receipt
  try {
    receipt = parseReceipt(bytes, subject)
  } catch (error) {
    if (error instanceof VerificationError) return { status: 'refused', ...none, why: error.message }
    throw error
  }
  const { issuer } = receipt
  if (receipt.tree === 'unsupported') return { status: 'unsupported', ...none, issuer, why: receipt.why }
  const about = { service: null, issuer, registeredAt: receipt.issuedAt }
  const { kid } = receipt
  const candidates = services.filter(
    (service) => (service.issuer === null || service.issuer === issuer) && keysFor(service, kid).length > 0,
  )
  let why = `no trusted service has the key of ${issuer ?? 'its issuer'}`
  for (const service of candidates) {
    try {
      verifyInclusion(receipt, statement, service)
      return { status: 'verified', ...about, service: service.name, why: `registered by ${service.name}` }
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      why = error.message
    }
  }
  return { status: candidates.length === 0 ? 'unknown-service' : 'refused', ...about, why }
}

/**
 * Checks that a receipt proves the registration of a statement by a service: each proof leads to a root, which the service signed (RFC 9942 §4.3).
 *
 * @throws VerificationError
 */
function verifyInclusion(receipt: Receipt, statement: Sign1, service: ScittService): void {
  const { message, inclusion, tree } = receipt
  const { subject } = message
  if (inclusion.length === 0)
    throw new VerificationError('format-invalid', `${subject} contains no proof of inclusion`, { subject })
  const registered = registeredForm(statement)
  const digest = createHash('sha256').update(registered).digest()
  const entry = service.entry === 'statement' ? registered : digest
  for (const proof of inclusion) {
    const root = tree === 'ccf' ? ccfRoot(proof, digest, subject) : rfc9162Root(proof, entry, subject)
    verifyRoot(receipt, root, service)
  }
}

/**
 * Checks that a receipt proves that a log only appended since an older state.
 *
 * @returns size and root of the newer state
 * @throws VerificationError
 */
export function verifyConsistency(
  receipt: Receipt,
  older: { size: bigint; root: Uint8Array },
  service: ScittService,
): { size: bigint; root: Buffer } {
  const { subject } = receipt.message
  const [encoded, ...more] = receipt.consistency
  if (receipt.tree !== 'rfc9162' || encoded === undefined || more.length > 0)
    throw new VerificationError('format-invalid', `${subject} does not contain one proof of consistency`, { subject })
  const proof = readConsistency(encoded, subject)
  if (proof.older !== older.size)
    throw new VerificationError('format-invalid', `${subject} starts at size ${proof.older}, not ${older.size}`, {
      subject,
    })
  const root = consistencyRoot(proof, older.root, subject)
  verifyRoot(receipt, root, service)
  return { size: proof.newer, root }
}

/** Checks that one of the service's keys signed the root. @throws VerificationError with the reason of the last key */
function verifyRoot({ message, kid }: Receipt, root: Buffer, service: ScittService): void {
  let last = new VerificationError('key-mismatch', `${message.subject} is not by a key of ${service.name}`, {
    subject: message.subject,
  })
  for (const key of keysFor(service, kid)) {
    try {
      verifySign1(message, key, {
        payload: root,
        bindCurve: service.bindCurve,
        understood: [headers.vds, headers.cwtClaims],
      })
      return
    } catch (error) {
      if (!(error instanceof VerificationError)) throw error
      last = error
    }
  }
  throw last
}
