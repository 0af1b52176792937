import { createHash } from 'node:crypto'
import { VerificationError } from '../../base/errors.ts'
import { LabelMap } from '../../encoding/cbor/label-map.ts'
import { readCbor } from '../../encoding/cbor/read.ts'
import type { CborItem } from '../../encoding/cbor/types.ts'
import { hashBytes, leafHash, rootOfConsistency, rootOfInclusion } from '../merkle.ts'

/** Steps of one path: a log of 2^64 entries has no more. */
const mostSteps = 64
/** Bytes of the evidence text of CCF (draft-ietf-scitt-receipts-ccf-profile §2.1). */
const mostEvidence = 1024

/**
 * Root that an inclusion proof of RFC9162_SHA256 leads to (RFC 9942 §5.2): `[tree-size, leaf-index, [hashes]]`. An empty path is read, since a log
 * with one entry has no other.
 *
 * @param entry what the log took as its entry, see `ScittService.entry`
 * @throws VerificationError `format-invalid`, also where the path cannot belong to that index and size
 */
export function rfc9162Root(proof: Uint8Array, entry: Uint8Array, subject: string): Buffer {
  const [size, index, path, ...more] = listOf(readCbor(proof, subject), subject)
  const root =
    more.length > 0
      ? null
      : rootOfInclusion(leafHash(entry), countOf(index, subject), countOf(size, subject), hashesOf(path, subject))
  if (root === null) throw refuse(subject, 'has a path that does not belong to its index and size')
  return root
}

/** Sizes and path of a consistency proof of RFC9162_SHA256 (RFC 9942 §5.3): `[size-1, size-2, [hashes]]`. */
export interface ConsistencyProof {
  readonly older: bigint
  readonly newer: bigint
  readonly path: readonly Buffer[]
}

/** @throws VerificationError `format-invalid` */
export function readConsistency(proof: Uint8Array, subject: string): ConsistencyProof {
  const [older, newer, path, ...more] = listOf(readCbor(proof, subject), subject)
  if (more.length > 0) throw refuse(subject, 'is malformed')
  return { older: countOf(older, subject), newer: countOf(newer, subject), path: hashesOf(path, subject) }
}

/** Root of the newer tree that a consistency proof leads to. @throws VerificationError `format-invalid` where it does not start at the older root */
export function consistencyRoot(
  { older, newer, path }: ConsistencyProof,
  olderRoot: Uint8Array,
  subject: string,
): Buffer {
  const root = rootOfConsistency({ size: older, root: olderRoot }, newer, path)
  if (root === null) throw refuse(subject, 'does not continue the older tree')
  return root
}

/**
 * Root that an inclusion proof of CCF_LEDGER_SHA256 leads to: `{1: [transaction hash, evidence, data hash], 2: [[left, hash], …]}`. The leaf is the
 * hash of the transaction hash, the hash of the evidence and the data hash, as the ledgers compute it.
 *
 * @param dataHash SHA-256 of the statement with an empty unprotected header. Without this comparison the receipt of one statement would prove another.
 * @throws VerificationError `format-invalid`; `subject-mismatch` for another data hash
 */
export function ccfRoot(proof: Uint8Array, dataHash: Uint8Array, subject: string): Buffer {
  const map = new LabelMap(readCbor(proof, subject), subject)
  const [transaction, evidence, data, ...more] = map.array(1) ?? []
  const path = map.array(2)
  if (evidence?.kind !== 'text' || Buffer.byteLength(evidence.value) > mostEvidence || more.length > 0 || path === null)
    throw refuse(subject, 'is malformed')
  if (path.length > mostSteps) throw refuse(subject, `has more than ${mostSteps} steps`)
  const found = hashOf(data, subject)
  if (!found.equals(dataHash))
    throw new VerificationError(
      'subject-mismatch',
      `${subject} is about the statement ${found.toString('hex')}, not ${Buffer.from(dataHash).toString('hex')}`,
      { subject },
    )
  let node = sha256(hashOf(transaction, subject), sha256(Buffer.from(evidence.value, 'utf8')), found)
  for (const step of path) {
    const [left, hash, ...rest] = listOf(step, subject)
    if (left?.kind !== 'simple' || (left.value !== 20 && left.value !== 21) || rest.length > 0)
      throw refuse(subject, 'has a malformed step')
    const sibling = hashOf(hash, subject)
    node = left.value === 21 ? sha256(sibling, node) : sha256(node, sibling)
  }
  return node
}

function sha256(...parts: readonly Uint8Array[]): Buffer {
  const hash = createHash('sha256')
  for (const part of parts) hash.update(part)
  return hash.digest()
}

function listOf(item: CborItem, subject: string): readonly (CborItem | undefined)[] {
  if (item.kind !== 'array') throw refuse(subject, 'is malformed')
  return item.items
}

function countOf(item: CborItem | undefined, subject: string): bigint {
  if (item?.kind !== 'integer' || item.value < 0) throw refuse(subject, 'has a malformed size or index')
  return BigInt(item.value)
}

function hashesOf(item: CborItem | undefined, subject: string): Buffer[] {
  if (item?.kind !== 'array' || item.items.length > mostSteps) throw refuse(subject, 'has a malformed path')
  return item.items.map((one) => hashOf(one, subject))
}

function hashOf(item: CborItem | undefined, subject: string): Buffer {
  if (item?.kind !== 'bytes' || item.value.length !== hashBytes)
    throw refuse(subject, `has a hash that is not ${hashBytes} bytes`)
  return item.value
}

function refuse(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject })
}
