import { createHash } from 'node:crypto'
import { listElements, readDer, type DerElement } from '../der.ts'
import type { Check } from '../../base/check.ts'
import type { Certificate } from './certificate.ts'
import { DerMembers, derRefusal, readBits, readSerial, readSmall, readTime, tags } from './der-values.ts'
import { readExtensions } from './extensions.ts'
import { Memo } from './memo.ts'
import { isSigned, readAlgorithm, type Makers, type SignatureAlgorithm } from './signature.ts'
import { isWithin, windowReason } from '../../base/window.ts'

/** A certificate revocation list (RFC 5280 §5). Nothing of it is believed before {@link checkCrl}. */
export interface Crl {
  name: string
  /** SHA-256 of the whole list in lower-case hex. */
  fingerprint: string
  signed: Buffer
  algorithm: SignatureAlgorithm
  signature: Buffer
  /** Name as DER. */
  issuer: Buffer
  thisUpdate: Date
  nextUpdate: Date
  /** When, by serial number (hex as in {@link Certificate}). */
  revoked: ReadonlyMap<string, Date>
}

const limit = 1 << 20

/** One list serves all evidence of a platform until the next one. */
const read = new Memo<Crl>(16)

/**
 * Reads a CRL from DER. A list without `nextUpdate`, or with a critical extension (a delta, one for some reasons or for other issuers only),
 * is refused: it could say less than it seems to.
 *
 * @param makers whose algorithms may have signed it
 * @throws VerificationError `format-invalid` naming the offset
 */
export function parseCrl(input: Uint8Array, name: string, makers: Makers = 'processor'): Crl {
  if (input.length > limit) throw derRefusal(name, limit, `has more than ${limit} bytes`)
  const fingerprint = createHash('sha256').update(input).digest('hex')
  // A copy: what is kept must not change when the caller's buffer does.
  const crl = read.get(`${makers} ${fingerprint}`, () => readCrl(Buffer.from(input), name, fingerprint, makers))
  return crl.name === name ? crl : { ...crl, name }
}

function readCrl(input: Buffer, name: string, fingerprint: string, makers: Makers): Crl {
  const outer = new DerMembers(readDer(input, name, listElements), name)
  const signed = outer.take(tags.sequence, 'the signed part')
  const outerAlgorithm = outer.take(tags.sequence, 'an algorithm')
  const signature = readBits(outer.take(tags.bits, 'a signature'), name)
  outer.end()

  const members = new DerMembers(signed, name)
  if (readSmall(members.take(tags.integer, 'a version'), 1, name) !== 1)
    throw derRefusal(name, signed.offset, 'is not of version 2')
  const algorithm = members.take(tags.sequence, 'the algorithm of its signature')
  if (!algorithm.bytes.equals(outerAlgorithm.bytes))
    throw derRefusal(name, outerAlgorithm.offset, 'names two algorithms')
  const issuer = members.take(tags.sequence, 'an issuer').bytes
  const thisUpdate = readTime(members.any('its time'), name)
  const nextUpdate = readTime(members.any('the time of the next list'), name)
  const entries = members.optional(tags.sequence)
  const wrapper = members.take(0xa0, 'extensions')
  members.end()
  const extensions = new DerMembers(wrapper, name, 0xa0)
  refuseCritical(extensions.take(tags.sequence, 'extensions'), name)
  extensions.end()

  return {
    name,
    fingerprint,
    signed: signed.bytes,
    algorithm: readAlgorithm(algorithm, name, makers),
    signature,
    issuer,
    thisUpdate,
    nextUpdate,
    revoked: readEntries(entries?.children ?? [], name),
  }
}

function readEntries(entries: readonly DerElement[], name: string): Map<string, Date> {
  const revoked = new Map<string, Date>()
  for (const entry of entries) {
    const members = new DerMembers(entry, name)
    const serial = readSerial(members.take(tags.integer, 'a serial number'), name)
    const time = readTime(members.any('the time of a revocation'), name)
    const extensions = members.optional(tags.sequence)
    if (extensions !== null) refuseCritical(extensions, name)
    members.end()
    if (revoked.has(serial)) throw derRefusal(name, entry.offset, `has serial number ${serial} twice`)
    revoked.set(serial, time)
  }
  return revoked
}

function refuseCritical(element: DerElement, name: string): void {
  const foreign = [...readExtensions(element, name)].find(([, { critical }]) => critical)
  if (foreign !== undefined) throw derRefusal(name, element.offset, `has the critical extension ${foreign[0]}`)
}

/** Whether a list counts for its issuer at a time (RFC 5280 §6.3.3). The issuer itself must stand in a checked chain. */
export function checkCrl(crl: Crl, issuer: Certificate, at: Date): Check[] {
  const { name, thisUpdate, nextUpdate } = crl
  const allowed = issuer.powers.ca && issuer.powers.usage?.crls !== false
  return [
    {
      name: 'crl-issuer',
      ok: crl.issuer.equals(issuer.subject) && allowed,
      why: allowed ? `${name} against ${issuer.name}` : `${issuer.name} may not sign lists`,
    },
    {
      name: 'crl-signature',
      ok: isListSigned(crl, issuer),
      why: `${name} by the key of ${issuer.name}`,
    },
    {
      name: 'crl-window',
      ok: isWithin({ notBefore: thisUpdate, notAfter: nextUpdate }, at),
      why: windowReason(name, { notBefore: thisUpdate, notAfter: nextUpdate }, at),
    },
  ]
}

const signatures = new Memo<boolean>(64)

/** Fingerprints cover list and issuer whole: signed bytes, algorithm, signature and key. */
function isListSigned(crl: Crl, issuer: Certificate): boolean {
  return signatures.get(`${crl.fingerprint} ${issuer.fingerprint}`, () =>
    isSigned(crl.signed, crl.algorithm, crl.signature, issuer.key),
  )
}

/** Whether a list names a certificate. The certificate must be of the list's issuer: a serial number says nothing alone. */
export function checkRevocation(crl: Crl, certificate: Certificate): Check {
  const since = crl.revoked.get(certificate.serial)
  const own = certificate.issuer.equals(crl.issuer)
  const why = !own
    ? `${crl.name} is not by the issuer of ${certificate.name}`
    : since === undefined
      ? `${certificate.name} is not in ${crl.name}`
      : `${certificate.name} is revoked since ${since.toISOString()}`
  return { name: 'crl-revoked', ok: own && since === undefined, why }
}
