import { VerificationError } from '../../base/errors.ts'
import { readCbor, type CborOptions } from '../../encoding/cbor/read.ts'
import { LabelMap, type Label } from '../../encoding/cbor/label-map.ts'
import { replaceItem } from '../../encoding/cbor/item.ts'
import type { CborItem } from '../../encoding/cbor/types.ts'
import { encodeCbor } from '../../encoding/cbor/write.ts'
import { headers, sign1Tag } from './labels.ts'

/** A COSE_Sign1 message as it was read (RFC 9052 §4.2). Nothing of it is believed before its signature is checked. */
export interface Sign1 {
  /** What it is, for errors. */
  readonly subject: string
  /** The message as it was sent. */
  readonly bytes: Buffer
  /** Content of the protected header's byte string, as it was sent: the signature covers it. */
  readonly protectedBytes: Buffer
  readonly protected: LabelMap
  readonly unprotected: LabelMap
  /** Where the unprotected header stands, so that it can be replaced without encoding the message again. */
  readonly unprotectedItem: CborItem
  /** Null where the payload is detached. */
  readonly payload: Buffer | null
  readonly signature: Buffer
}

export interface Sign1Options {
  /** Accept a message without the tag 18. Default: the tag is required. */
  readonly untagged?: boolean | undefined
  readonly cbor?: CborOptions | undefined
}

/**
 * Reads a COSE_Sign1 message. A label that stands in both headers is refused, since readers disagree on which one counts (RFC 9052 §3).
 *
 * @param subject what it is, for errors
 * @throws VerificationError `format-invalid`
 */
export function parseSign1(input: Uint8Array, subject: string, options: Sign1Options = {}): Sign1 {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  const [protectedItem, unprotectedItem, payload, signature] = membersOf(
    readCbor(bytes, subject, options.cbor),
    subject,
    options.untagged === true,
  )
  if (protectedItem?.kind !== 'bytes') throw coseRefusal(subject, 'has a protected header that is not a byte string')
  if (unprotectedItem?.kind !== 'map') throw coseRefusal(subject, 'has an unprotected header that is not a map')
  if (signature?.kind !== 'bytes') throw coseRefusal(subject, 'has a signature that is not a byte string')
  const isDetached = payload?.kind === 'simple' && payload.value === 22
  if (payload?.kind !== 'bytes' && !isDetached) throw coseRefusal(subject, 'has a payload that is not a byte string')
  const message: Sign1 = {
    subject,
    bytes,
    protectedBytes: protectedItem.value,
    protected: readProtected(protectedItem.value, subject, options.cbor),
    unprotected: new LabelMap(unprotectedItem, `the unprotected header of ${subject}`),
    unprotectedItem,
    payload: payload.kind === 'bytes' ? payload.value : null,
    signature: signature.value,
  }
  const twice = message.unprotected.labels().find((label) => message.protected.has(label))
  if (twice !== undefined) throw coseRefusal(subject, `has the label ${twice} in both headers`)
  for (const header of [message.protected, message.unprotected]) checkCommonTypes(header, subject)
  return message
}

/** Types of the common parameters (RFC 9052 §3.1): readers that expect a type disagree with those that do not look. */
function checkCommonTypes(header: LabelMap, subject: string): void {
  const kid = header.get(headers.kid)
  if (kid !== undefined && kid.kind !== 'bytes') throw coseRefusal(subject, 'has a key id that is not a byte string')
  const type = header.get(headers.contentType)
  if (type !== undefined && type.kind !== 'text' && (type.kind !== 'integer' || type.value < 0))
    throw coseRefusal(subject, 'has a content type that is not a text or a number')
}

function membersOf(item: CborItem, subject: string, untagged: boolean): readonly CborItem[] {
  const isTagged = item.kind === 'tag'
  if (isTagged && item.tag !== sign1Tag) throw coseRefusal(subject, `has the CBOR tag ${item.tag}, not ${sign1Tag}`)
  if (!isTagged && !untagged) throw coseRefusal(subject, `lacks the CBOR tag ${sign1Tag}`)
  const inner = isTagged ? item.item : item
  if (inner.kind !== 'array' || inner.items.length !== 4) throw coseRefusal(subject, 'is not an array of four members')
  return inner.items
}

function readProtected(bytes: Buffer, subject: string, options: CborOptions | undefined): LabelMap {
  const name = `the protected header of ${subject}`
  // RFC 9052 §3: an empty map is sent as no bytes at all; some senders write `a0`.
  return new LabelMap(readCbor(bytes.length === 0 ? Buffer.from([0xa0]) : bytes, name, options), name)
}

/** A header parameter, wherever it stands. Only what the protected header says is signed. */
export function headerOf(message: Sign1, label: Label): CborItem | undefined {
  return message.protected.get(label) ?? message.unprotected.get(label)
}

/** The message with another unprotected header, all other bytes as they were sent. @param header an encoded map */
export function withUnprotected(message: Sign1, header: Uint8Array): Buffer {
  return replaceItem(message.bytes, message.unprotectedItem, header)
}

/**
 * What a signature covers: the Sig_structure of RFC 9052 §4.4.
 *
 * @param protectedBytes content of the protected header's byte string; `a0` counts as no bytes
 */
export function sigStructure(protectedBytes: Uint8Array, externalAad: Uint8Array, payload: Uint8Array): Buffer {
  const isEmpty = protectedBytes.length === 1 && protectedBytes[0] === 0xa0
  return encodeCbor(['Signature1', isEmpty ? Buffer.alloc(0) : protectedBytes, externalAad, payload])
}

/** The error for a message that is not well-formed. */
export function coseRefusal(subject: string, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} ${why}`, { subject })
}
