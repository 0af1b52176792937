import { readDer, type DerElement } from '../../../encoding/der.ts'
import { VerificationError } from '../../../base/errors.ts'

/** What the SGX extension of a PCK certificate says of the platform (Intel PCK Certificate and CRL Profile, §1.3.5). */
export interface PckFacts {
  ppid: Buffer
  /** Sixteen SVNs of the platform, as the PCK was issued for. */
  components: number[]
  pceSvn: number
  cpuSvn: Buffer
  pceId: Buffer
  fmspc: Buffer
  sgxType: number
  /** Of multi-package platforms only. */
  platformInstanceId: Buffer | null
}

/** OID of the SGX extension. */
export const sgxExtension = '1.2.840.113741.1.13.1'

// 1.2.840.113741.1.13.1 as DER content; members of the extension add one arc, members of its TCB two.
const prefix = '2a864886f84d010d01'
const tags = { integer: 2, octets: 4, oid: 6, enumerated: 10, sequence: 0x30 } as const

/**
 * @param der content of the extension's OCTET STRING
 * @throws VerificationError `format-invalid` when a member is missing, twice there or of another form
 */
export function parsePckExtension(der: Uint8Array): PckFacts {
  const members = readMembers(readDer(der, 'SGX extension'))
  const tcb = readMembers(member(members, '02', tags.sequence))
  const octets = (arc: string, size: number) => sized(member(members, arc, tags.octets), size)
  const instance = members.get(`${prefix}06`)
  return {
    ppid: octets('01', 16),
    components: Array.from({ length: 16 }, (_, i) => integer(member(tcb, arcs(2, i + 1), tags.integer), 0xff)),
    pceSvn: integer(member(tcb, arcs(2, 17), tags.integer), 0xffff),
    cpuSvn: sized(member(tcb, arcs(2, 18), tags.octets), 16),
    pceId: octets('03', 2),
    fmspc: octets('04', 6),
    sgxType: integer(member(members, '05', tags.enumerated), 0xff),
    platformInstanceId: instance === undefined ? null : octets('06', 16),
  }
}

function arcs(first: number, second: number): string {
  return Buffer.from([first, second]).toString('hex')
}

/** Members by OID content in hex. Unknown ones are kept: Intel adds to the extension. */
function readMembers(sequence: DerElement): Map<string, DerElement> {
  if (sequence.tag !== tags.sequence) throw refuse('is not a sequence of members')
  const members = new Map<string, DerElement>()
  for (const { tag, children } of sequence.children) {
    const [oid, value] = children
    if (tag !== tags.sequence || children.length !== 2 || oid?.tag !== tags.oid || value === undefined) {
      throw refuse('has a member that is not an OID and a value')
    }
    const key = oid.content.toString('hex')
    if (members.has(key)) throw refuse(`has member ${key} twice`)
    members.set(key, value)
  }
  return members
}

function member(members: Map<string, DerElement>, arc: string, tag: number): DerElement {
  const found = members.get(prefix + arc)
  if (found?.tag !== tag) throw refuse(`lacks member ${arc} or has it in another form`)
  return found
}

function sized({ content }: DerElement, size: number): Buffer {
  if (content.length !== size) throw refuse(`has ${content.length} bytes where ${size} belong`)
  return content
}

function integer({ content }: DerElement, most: number): number {
  // Non-negative, shortest form (X.690 §8.3.2).
  const [first = 0x80, second = 0] = content
  const minimal = content.length === 1 || first !== 0 || second >= 0x80
  if (content.length === 0 || content.length > 4 || first >= 0x80 || !minimal) throw refuse('has a bad integer')
  const value = content.readUIntBE(0, content.length)
  if (value > most) throw refuse(`has ${value} where at most ${most} can stand`)
  return value
}

function refuse(why: string): VerificationError {
  return new VerificationError('format-invalid', `the SGX extension of the PCK certificate ${why}`, {
    subject: 'PCK certificate',
  })
}
