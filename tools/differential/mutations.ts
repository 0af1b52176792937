import { flip } from '../../testkit/mutate.ts'
import type { Random } from '../../testkit/random.ts'

/** Fields as offset and length, so that changes hit each of them and not only the long ones. */
export type Field = readonly [name: string, offset: number, length: number]

export const reportFields: readonly Field[] = [
  ['version', 0, 4],
  ['guest_svn', 4, 4],
  ['policy', 8, 8],
  ['family_id', 0x10, 16],
  ['image_id', 0x20, 16],
  ['vmpl', 0x30, 4],
  ['signature algorithm', 0x34, 4],
  ['current TCB', 0x38, 8],
  ['platform info', 0x40, 8],
  ['key info', 0x48, 4],
  ['reserved word', 0x4c, 4],
  ['report data', 0x50, 64],
  ['measurement', 0x90, 48],
  ['host data', 0xc0, 32],
  ['ID key digest', 0xe0, 48],
  ['author key digest', 0x110, 48],
  ['report id', 0x140, 32],
  ['migration agent', 0x160, 32],
  ['reported TCB', 0x180, 8],
  ['CPUID', 0x188, 3],
  ['behind the CPUID', 0x18b, 21],
  ['chip id', 0x1a0, 64],
  ['committed TCB', 0x1e0, 8],
  ['firmware versions', 0x1e8, 8],
  ['launch TCB', 0x1f0, 8],
  ['mitigations', 0x1f8, 16],
  ['reserved', 0x208, 152],
  ['R', 0x2a0, 48],
  ['behind R', 0x2d0, 24],
  ['S', 0x2e8, 48],
  ['behind S', 0x318, 24],
  ['reserved end', 0x330, 368],
]

/** @param body offset of the TD report: 48 in version 4, 54 in version 5 @param end length of header and body */
export function quoteFields(body: number, end: number): Field[] {
  const auth = end + 4
  return [
    ['version', 0, 2],
    ['key type', 2, 2],
    ['TEE type', 4, 4],
    ['reserved header', 8, 4],
    ['vendor', 12, 16],
    ['user data', 28, 20],
    ...(body === 54
      ? ([
          ['body type', 48, 2],
          ['body size', 50, 4],
        ] as const)
      : []),
    ['TEE_TCB_SVN', body, 16],
    ['MRSEAM', body + 16, 48],
    ['MRSIGNERSEAM', body + 64, 48],
    ['SEAM attributes', body + 112, 8],
    ['TD attributes', body + 120, 8],
    ['XFAM', body + 128, 8],
    ['MRTD', body + 136, 48],
    ['MRCONFIGID', body + 184, 48],
    ['RTMRs', body + 328, 192],
    ['report data', body + 520, 64],
    ['length', end, 4],
    ['signature', auth, 64],
    ['attestation key', auth + 64, 64],
    ['certification type', auth + 128, 2],
    ['certification size', auth + 130, 4],
    ['QE report', auth + 134, 384],
    ['QE report signature', auth + 518, 64],
    ['QE authentication data', auth + 582, 34],
    ['chain type', auth + 616, 2],
    ['chain size', auth + 618, 4],
    ['PCK chain', auth + 622, 3600],
  ]
}

/** A change of one field: a bit, a byte, all ones, all zeros, or bytes of chance; sometimes a cut or more bytes. */
export function changeField(bytes: Buffer, fields: readonly Field[], random: Random): { what: string; bytes: Buffer } {
  const changed = tryField(bytes, fields, random)
  // Zeros where zeros were: no change.
  return changed.bytes.equals(bytes) ? changeField(bytes, fields, random) : changed
}

function tryField(bytes: Buffer, fields: readonly Field[], random: Random): { what: string; bytes: Buffer } {
  const [name, offset, length] = random.pick(fields)
  const size = Math.min(length, bytes.length - offset)
  const way = random.below(10)
  if (way === 8) {
    const end = random.below(bytes.length)
    return { what: `cut to ${end} bytes`, bytes: bytes.subarray(0, end) }
  }
  if (way === 9) {
    const more = random.bytes(1 + random.below(64))
    return { what: `${more.length} bytes more`, bytes: Buffer.concat([bytes, more]) }
  }
  if (way < 5) {
    const bit = (offset + random.below(size)) * 8 + random.below(8)
    return { what: `${name}: bit ${bit}`, bytes: flip(bytes, bit) }
  }
  const copy = Buffer.from(bytes)
  if (way === 5) copy.fill(0, offset, offset + size)
  else if (way === 6) copy.fill(0xff, offset, offset + size)
  else random.bytes(Math.min(size, 16)).copy(copy, offset)
  return { what: `${name}: ${['zeros', 'ones', 'chance'][way - 5] ?? ''}`, bytes: copy }
}
