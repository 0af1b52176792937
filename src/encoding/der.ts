import { VerificationError } from '../base/errors.ts'

/** One element of DER (X.690 §8, §10). `bytes` and `content` are views of the input, never copies: signatures cover them as they are. */
export interface DerElement {
  /** Identifier octet: class, constructed bit and a tag number below 31. */
  tag: number
  /** Where the element begins in the bytes that were read. */
  offset: number
  /** Header and content. */
  bytes: Buffer
  content: Buffer
  /** Elements inside, for a constructed one. */
  children: DerElement[]
}

const limits = { depth: 32, elements: 4096 } as const
/** For a revocation list, whose every entry has up to seven elements: about 18,000 entries. */
export const listElements = 131_072

/**
 * Reads exactly one DER element that fills all the bytes. Indefinite and non-minimal lengths, high tag numbers, trailing bytes, deep or
 * endless nesting are refused.
 *
 * @param elements how many elements it may hold at most, itself included
 * @throws VerificationError `format-invalid` naming the offset
 */
export function readDer(input: Uint8Array, subject: string, elements: number = limits.elements): DerElement {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  const budget = { left: elements }
  const element = readElement(bytes, 0, bytes.length, 0, budget, subject)
  if (element.bytes.length !== bytes.length) throw refuse(subject, element.bytes.length, 'bytes follow the element')
  return element
}

function readElement(
  bytes: Buffer,
  offset: number,
  end: number,
  depth: number,
  budget: { left: number },
  subject: string,
): DerElement {
  if (depth > limits.depth) throw refuse(subject, offset, 'nested too deeply')
  if (budget.left-- === 0) throw refuse(subject, offset, 'too many elements')
  const tag = bytes[offset]
  if (tag === undefined || offset >= end) throw refuse(subject, offset, 'ends early')
  if ((tag & 0x1f) === 0x1f) throw refuse(subject, offset, 'a tag number above 30')
  const { length, header } = readLength(bytes, offset + 1, end, subject)
  const start = offset + 1 + header
  const stop = start + length
  if (stop > end) throw refuse(subject, offset, 'an element longer than what holds it')
  const children: DerElement[] = []
  if ((tag & 0x20) !== 0) {
    for (let at = start; at < stop;) {
      const child = readElement(bytes, at, stop, depth + 1, budget, subject)
      children.push(child)
      at += child.bytes.length
    }
  }
  return { tag, offset, bytes: bytes.subarray(offset, stop), content: bytes.subarray(start, stop), children }
}

function readLength(bytes: Buffer, offset: number, end: number, subject: string): { length: number; header: number } {
  const first = bytes[offset]
  if (first === undefined || offset >= end) throw refuse(subject, offset, 'ends early')
  if (first < 0x80) return { length: first, header: 1 }
  const count = first & 0x7f
  if (count === 0 || count > 4) throw refuse(subject, offset, 'an indefinite or huge length')
  if (offset + 1 + count > end) throw refuse(subject, offset, 'ends early')
  const length = bytes.readUIntBE(offset + 1, count)
  // X.690 §10.1: the shortest form is the only one.
  if (length < 0x80 || bytes[offset + 1] === 0)
    throw refuse(subject, offset, 'a length that is not in its shortest form')
  return { length, header: 1 + count }
}

function refuse(subject: string, offset: number, why: string): VerificationError {
  return new VerificationError('format-invalid', `${subject} is not DER: ${why} at byte ${offset}`, { subject })
}
