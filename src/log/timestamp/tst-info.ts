import type { DerElement } from '../../encoding/der.ts'
import { readDer } from '../../encoding/der.ts'
import { DerMembers, derRefusal, readOid, readSmall, readTime, tags } from '../../encoding/x509/der-values.ts'
import { readExtensions } from '../../encoding/x509/extensions.ts'
import { readHash, timestampRefusal, type Hash } from './algorithms.ts'
import { limits } from './limits.ts'

/** What an authority says in a token (TSTInfo, RFC 3161 §2.4.2). Nothing of it is believed before its signature is checked. */
export interface TstInfo {
  /** Dotted OID of the policy under which the stamp was made. */
  policy: string
  imprint: { hash: Hash; digest: Buffer }
  /** Lower-case hex without leading zeros. */
  serial: string
  /** Whole milliseconds; finer parts are cut off. */
  time: Date
  /** Milliseconds either way, rounded up; 0 where not stated. */
  accuracyMs: number
  /** In the same form; null where there is none. */
  nonce: string | null
  /** DER of the directory name that the authority calls itself; null where it is absent or of another kind. */
  authority: Buffer | null
}

const directoryName = 0xa4

/**
 * Reads the content of a token.
 *
 * @throws VerificationError `format-invalid` naming the offset, `timestamp-invalid` for a hash or accuracy that is not accepted
 */
export function readTstInfo(bytes: Buffer, name: string): TstInfo {
  const subject = `the TSTInfo of ${name}`
  const members = new DerMembers(readDer(bytes, subject), subject)
  if (readSmall(members.take(tags.integer, 'a version'), 255, subject) !== 1)
    throw derRefusal(subject, 0, 'is not of version 1')
  const policy = readOid(members.take(tags.oid, 'a policy'), subject)
  const imprint = readImprint(members.take(tags.sequence, 'an imprint'), subject)
  const serial = readInteger(members.take(tags.integer, 'a serial number'), subject)
  const time = readFineTime(members.take(tags.time, 'a time'), subject)
  const accuracy = members.optional(tags.sequence)
  const ordering = members.optional(tags.boolean)
  // FALSE is the default, so DER never writes it (X.690 §11.5).
  if (ordering !== null && !ordering.content.equals(Buffer.from([0xff])))
    throw derRefusal(subject, ordering.offset, 'has a malformed boolean')
  const nonce = members.optional(tags.integer)
  const authority = members.optional(0xa0)
  const extensions = members.optional(0xa1)
  members.end()
  refuseCritical(extensions, subject)
  return {
    policy,
    imprint,
    serial,
    time,
    accuracyMs: accuracy === null ? 0 : readAccuracy(accuracy, subject),
    nonce: nonce === null ? null : readInteger(nonce, subject),
    authority: authority === null ? null : readName(authority, subject),
  }
}

/** An INTEGER in its shortest form as hex. RFC 3161 lets serial numbers and nonces be negative; known authorities send up to 24 bytes. */
function readInteger({ content, offset }: DerElement, subject: string): string {
  const [first = 0, second] = content
  if (content.length === 0 || content.length > limits.integer)
    throw derRefusal(subject, offset, `has an integer of ${content.length} bytes`)
  if (second !== undefined && first === (second < 0x80 ? 0 : 0xff))
    throw derRefusal(subject, offset, 'has an integer that is not in its shortest form')
  return BigInt.asIntN(content.length * 8, BigInt(`0x${content.toString('hex')}`)).toString(16)
}

/** MessageImprint: the digest has the length of its hash. */
function readImprint(element: DerElement, subject: string): TstInfo['imprint'] {
  const members = new DerMembers(element, subject)
  const hash = readHash(members.take(tags.sequence, 'a hash'), subject)
  const digest = members.take(tags.octets, 'a digest')
  members.end()
  if (digest.content.length * 8 !== Number(hash.slice(3)))
    throw derRefusal(subject, digest.offset, `has a ${hash} digest of ${digest.content.length} bytes`)
  return { hash, digest: digest.content }
}

/** GeneralizedTime with a fraction (RFC 3161 §2.4.2): a point, no zero at its end, always UTC. */
function readFineTime(element: DerElement, subject: string): Date {
  const text = element.content.toString('latin1')
  const parts = /^(\d{14})(?:\.(\d{0,8}[1-9]))?Z$/.exec(text)
  if (parts === null) throw derRefusal(subject, element.offset, 'has a malformed time')
  const [, seconds = '', fraction = ''] = parts
  const whole = readTime({ ...element, content: Buffer.from(`${seconds}Z`) }, subject)
  return new Date(whole.getTime() + Number(fraction.padEnd(3, '0').slice(0, 3)))
}

/** Accuracy: seconds, milliseconds, microseconds, each may be absent. */
function readAccuracy(element: DerElement, subject: string): number {
  const members = new DerMembers(element, subject)
  const seconds = members.optional(tags.integer)
  const [millis, micros] = [members.optional(0x80), members.optional(0x81)]
  members.end()
  const fine = (part: DerElement | null): number => {
    if (part === null) return 0
    const value = readSmall(part, 999, subject)
    if (value === 0) throw derRefusal(subject, part.offset, 'states an accuracy of 0')
    return value
  }
  const whole = seconds === null ? 0 : readSmall(seconds, 0x7fff_ffff, subject)
  const accuracy = whole * 1000 + fine(millis) + Math.ceil(fine(micros) / 1000)
  if (accuracy > limits.accuracyMs)
    throw timestampRefusal(subject, `states an accuracy of ${accuracy} ms; at most ${limits.accuracyMs} ms count`)
  return accuracy
}

/** GeneralName inside its explicit tag. */
function readName(element: DerElement, subject: string): Buffer | null {
  const members = new DerMembers(element, subject, 0xa0)
  const name = members.any('a name')
  members.end()
  if (name.tag !== directoryName) return null
  const inner = new DerMembers(name, subject, directoryName)
  const { bytes } = inner.take(tags.sequence, 'a directory name')
  inner.end()
  return bytes
}

/** RFC 3161 §2.4.2: a critical extension that is not understood refuses the token; none is understood here. */
function refuseCritical(element: DerElement | null, subject: string): void {
  if (element === null) return
  const found = [...readExtensions({ ...element, tag: tags.sequence }, subject)].find(([, { critical }]) => critical)
  if (found !== undefined) throw timestampRefusal(subject, `has the critical extension ${found[0]}`)
}
