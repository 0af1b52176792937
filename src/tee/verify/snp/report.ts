import { verify, type KeyObject } from 'node:crypto'
import { VerificationError } from '../../../base/errors.ts'
import { unknownProcessor, type Cpuid } from './product.ts'
import { readGuestPolicy, readPlatformInfo, type GuestPolicy, type PlatformInfo } from './bits.ts'

export const reportSize = 1184
const signedSize = 0x2a0
/** 6 came with ABI 1.59, August 2026; no genuine report of it was available when this was written. */
const versions: readonly number[] = [2, 3, 5, 6]
/** The newest version of which genuine reports were verified. */
export const provenVersion = 5
/** CURRENT_ETCB, LAUNCH_ETCB and COMMITTED_ETCB, 32 bytes each: only processors after Turin fill them (ABI 1.59 §2.3). */
const extendedTcb = [0x220, 0x280] as const
/** ECDSA P-384 with SHA-384: the only algorithm of the ABI. */
const ecdsaP384 = 1
/** Bytes of R and of S, and how many of them P-384 fills. */
const [scalarSize, scalarUsed] = [72, 48]

/** ATTESTATION_REPORT (SEV-SNP firmware ABI, §7.3). Byte fields are views of the input. */
export interface SnpReport {
  version: number
  guestSvn: number
  policy: GuestPolicy
  familyId: Buffer
  imageId: Buffer
  vmpl: number
  /** Raw: the layout depends on the line of the processor. */
  tcb: { current: Buffer; reported: Buffer; committed: Buffer; launch: Buffer }
  platform: PlatformInfo
  authorKey: boolean
  chipKeyMasked: boolean
  signer: 'vcek' | 'vlek' | 'none'
  reportData: Buffer
  measurement: Buffer
  hostData: Buffer
  idKeyDigest: Buffer
  authorKeyDigest: Buffer
  reportId: Buffer
  reportIdMa: Buffer
  /** From version 3 on. */
  cpuid: Cpuid | null
  chipId: Buffer
  firmware: { current: string; committed: string }
  /** From version 5 on. */
  mitigations: { launch: bigint; current: bigint } | null
  signed: Buffer
  /** R ‖ S, big-endian, as IEEE P1363 has it. */
  signature: Buffer
}

/**
 * Reads a report of version 2, 3, 5 or 6. Every reserved bit must be zero: later versions may give it a meaning that we would miss.
 *
 * @param input exactly 1184 bytes
 * @throws VerificationError `format-invalid` naming the offset
 */
export function parseSnpReport(input: Uint8Array): SnpReport {
  const bytes = Buffer.from(input.buffer, input.byteOffset, input.byteLength)
  if (bytes.length !== reportSize) throw refuse(0, `has ${bytes.length} bytes, not ${reportSize}`)
  const version = bytes.readUInt32LE(0)
  if (!versions.includes(version)) {
    const newer = version > Math.max(...versions)
    throw refuse(
      0,
      `is of version ${version}; known versions: ${versions.join(', ')}${newer ? '. Update sealwright' : ''}`,
    )
  }
  const at = (offset: number, length: number): Buffer => bytes.subarray(offset, offset + length)
  const zero = (from: number, to: number): void => {
    const found = bytes.subarray(from, to).findIndex((byte) => byte !== 0)
    if (found >= 0) throw refuse(from + found, 'has a reserved byte that is not zero')
  }
  const vmpl = bytes.readUInt32LE(0x30)
  if (vmpl > 3) throw refuse(0x30, `is of VMPL ${vmpl}`)
  const algorithm = bytes.readUInt32LE(0x34)
  if (algorithm !== ecdsaP384) throw refuse(0x34, `is signed by algorithm ${algorithm}`)
  zero(0x4c, 0x50)
  zero(version >= 3 ? 0x18b : 0x188, 0x1a0)
  zero(0x1eb, 0x1ec)
  zero(0x1ef, 0x1f0)
  const cpuid =
    version >= 3
      ? { family: bytes.readUInt8(0x188), model: bytes.readUInt8(0x189), stepping: bytes.readUInt8(0x18a) }
      : null
  zero(version >= 5 ? 0x208 : 0x1f8, extendedTcb[0])
  if (version < 6) zero(...extendedTcb)
  else if (bytes.subarray(...extendedTcb).some((byte) => byte !== 0))
    throw refuse(extendedTcb[0], `has an extended TCB: ${unknownProcessor({ cpuid }) ?? 'no known line has one'}`)
  zero(extendedTcb[1], signedSize)
  zero(0x330, reportSize)
  return {
    version,
    guestSvn: bytes.readUInt32LE(4),
    policy: readGuestPolicy(bytes.readBigUInt64LE(8)),
    familyId: at(0x10, 16),
    imageId: at(0x20, 16),
    vmpl,
    tcb: { current: at(0x38, 8), reported: at(0x180, 8), committed: at(0x1e0, 8), launch: at(0x1f0, 8) },
    platform: readPlatformInfo(bytes.readBigUInt64LE(0x40)),
    ...readKeyInfo(bytes.readUInt32LE(0x48)),
    reportData: at(0x50, 64),
    measurement: at(0x90, 48),
    hostData: at(0xc0, 32),
    idKeyDigest: at(0xe0, 48),
    authorKeyDigest: at(0x110, 48),
    reportId: at(0x140, 32),
    reportIdMa: at(0x160, 32),
    cpuid,
    chipId: at(0x1a0, 64),
    firmware: { current: firmware(at(0x1e8, 3)), committed: firmware(at(0x1ec, 3)) },
    mitigations: version >= 5 ? { launch: bytes.readBigUInt64LE(0x1f8), current: bytes.readBigUInt64LE(0x200) } : null,
    signed: at(0, signedSize),
    signature: Buffer.concat([scalar(bytes, signedSize), scalar(bytes, signedSize + scalarSize)]),
  }
}

/** True when the key (P-384) signed the report. */
export function isReportSigned({ signed, signature }: SnpReport, key: KeyObject): boolean {
  if (key.asymmetricKeyDetails?.namedCurve !== 'secp384r1') return false
  return verify('sha384', signed, { key, dsaEncoding: 'ieee-p1363' }, signature)
}

function readKeyInfo(bits: number): Pick<SnpReport, 'authorKey' | 'chipKeyMasked' | 'signer'> {
  const signer = ({ 0: 'vcek', 1: 'vlek', 7: 'none' } as const)[(bits >>> 2) & 7]
  if (signer === undefined || bits >>> 5 !== 0) throw refuse(0x48, 'has unknown key information')
  return { authorKey: (bits & 1) !== 0, chipKeyMasked: (bits & 2) !== 0, signer }
}

function scalar(bytes: Buffer, offset: number): Buffer {
  const unused = bytes.subarray(offset + scalarUsed, offset + scalarSize).findIndex((byte) => byte !== 0)
  if (unused >= 0) throw refuse(offset + scalarUsed + unused, 'has a signature wider than P-384')
  return Buffer.from(bytes.subarray(offset, offset + scalarUsed)).reverse()
}

/** `major.minor.build`; the report has them the other way round. */
function firmware(bytes: Buffer): string {
  return [...bytes].reverse().join('.')
}

function refuse(offset: number, why: string): VerificationError {
  return new VerificationError('format-invalid', `the SNP report ${why}, at byte ${offset}`, { subject: 'SNP report' })
}
