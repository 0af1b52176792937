import { readDer, type DerElement } from '../../encoding/der.ts'
import { DerMembers, derRefusal, readSmall, tags } from '../../encoding/x509/der-values.ts'
import { printable } from '../../base/printable.ts'
import { timestampRefusal } from './algorithms.ts'
import { limits } from './limits.ts'
import { readSignedData, type SignedData } from './signed-data.ts'
import { readTstInfo, type TstInfo } from './tst-info.ts'

/** A time stamp as it was read: nothing of it is believed. */
export interface Timestamp {
  /** What it is, for errors and reasons. */
  name: string
  info: TstInfo
  data: SignedData
}

/** PKIStatus (RFC 3161 §2.4.2): granted, and granted with modifications, which the later checks judge. */
const granted: readonly number[] = [0, 1]
const statusNames = ['granted', 'granted with modifications', 'rejection', 'waiting', 'revocation warning', 'revoked']

/**
 * Reads a TimeStampResp, or a bare TimeStampToken (RFC 3161 §2.4.2), from DER.
 *
 * @throws VerificationError `format-invalid` naming the offset; `timestamp-invalid` for an answer that grants nothing, or a token that is
 *   not a time stamp
 */
export function readTimestamp(input: Uint8Array, name = 'the time stamp'): Timestamp {
  if (input.length > limits.response) throw derRefusal(name, limits.response, `has more than ${limits.response} bytes`)
  const root = readDer(input, name)
  const data = readSignedData(root.children[0]?.tag === tags.sequence ? tokenOf(root, name) : root, name)
  return { name, data, info: readTstInfo(data.content, name) }
}

function tokenOf(root: DerElement, subject: string): DerElement {
  const members = new DerMembers(root, subject)
  const status = readStatus(members.take(tags.sequence, 'a status'), subject)
  if (status !== null) throw timestampRefusal(subject, `was not granted: ${status}`)
  const token = members.take(tags.sequence, 'a token')
  members.end()
  return token
}

/** PKIStatusInfo: null when a token was granted, else why not, in words. */
function readStatus(element: DerElement, subject: string): string | null {
  const members = new DerMembers(element, subject)
  const status = readSmall(members.take(tags.integer, 'a status'), 255, subject)
  const texts = members.optional(tags.sequence)
  const failure = members.optional(tags.bits)
  members.end()
  if (failure === null && granted.includes(status)) return null
  const said = (texts?.children ?? []).map(({ content }) => printable(content.toString('utf8').slice(0, 200)))
  return [statusNames[status] ?? `status ${status}`, ...(failure === null ? [] : [failureText(failure)]), ...said].join(
    ', ',
  )
}

/** PKIFailureInfo by the number of its first bit. */
const failures: Readonly<Record<number, string>> = {
  0: 'the hash is not supported',
  2: 'the request is not permitted',
  5: 'the request has a wrong format',
  14: 'its clock is not available',
  15: 'the policy is not supported',
  16: 'the extension is not supported',
  17: 'additional information is not available',
  25: 'a failure of the system',
}

function failureText({ content }: DerElement): string {
  const bits = content.subarray(1)
  for (let bit = 0; bit < bits.length * 8; bit++)
    if (((bits[bit >> 3] ?? 0) & (0x80 >> (bit & 7))) !== 0) return failures[bit] ?? `failure ${bit}`
  return 'an unnamed failure'
}
