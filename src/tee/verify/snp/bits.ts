import { VerificationError } from '../../../base/errors.ts'

/** Guest policy (SEV-SNP firmware ABI, §4.3): what the owner allowed the host to do at launch. */
export interface GuestPolicy {
  value: bigint
  abiMajor: number
  abiMinor: number
  smtAllowed: boolean
  migrationAgentAllowed: boolean
  debugAllowed: boolean
  singleSocket: boolean
  cxlAllowed: boolean
  aes256Xts: boolean
  raplDisabled: boolean
  ciphertextHiding: boolean
  pageSwapDisabled: boolean
}

/** Platform information (§7.3, PLATFORM_INFO): what the machine has. */
export interface PlatformInfo {
  value: bigint
  smtEnabled: boolean
  tsmeEnabled: boolean
  eccEnabled: boolean
  raplDisabled: boolean
  ciphertextHiding: boolean
  /** The firmware looked for aliased memory (BadRAM, AMD-SB-3015). */
  aliasCheckComplete: boolean
  /** Writes of devices to the guest's memory go through the IOMMU's checks (Turin and later). */
  iommuWriteSafe: boolean
  tioEnabled: boolean
}

const policyBits = (1n << 26n) - 1n
const mustBeOne = 1n << 17n
const platformBits = 0b1111_1111n

/** @throws VerificationError `format-invalid` for a reserved bit that is set, or bit 17 that is not */
export function readGuestPolicy(value: bigint): GuestPolicy {
  if ((value & ~policyBits) !== 0n || (value & mustBeOne) === 0n) throw refuse(8, 'guest policy', value)
  const bit = (at: bigint): boolean => ((value >> at) & 1n) === 1n
  return {
    value,
    abiMajor: Number((value >> 8n) & 0xffn),
    abiMinor: Number(value & 0xffn),
    smtAllowed: bit(16n),
    migrationAgentAllowed: bit(18n),
    debugAllowed: bit(19n),
    singleSocket: bit(20n),
    cxlAllowed: bit(21n),
    aes256Xts: bit(22n),
    raplDisabled: bit(23n),
    ciphertextHiding: bit(24n),
    pageSwapDisabled: bit(25n),
  }
}

/** @throws VerificationError `format-invalid` for a reserved bit that is set */
export function readPlatformInfo(value: bigint): PlatformInfo {
  if ((value & ~platformBits) !== 0n) throw refuse(0x40, 'platform information', value)
  const bit = (at: bigint): boolean => ((value >> at) & 1n) === 1n
  return {
    value,
    smtEnabled: bit(0n),
    tsmeEnabled: bit(1n),
    eccEnabled: bit(2n),
    raplDisabled: bit(3n),
    ciphertextHiding: bit(4n),
    aliasCheckComplete: bit(5n),
    iommuWriteSafe: bit(6n),
    tioEnabled: bit(7n),
  }
}

function refuse(offset: number, what: string, value: bigint): VerificationError {
  return new VerificationError(
    'format-invalid',
    `the SNP report has reserved bits in its ${what} 0x${value.toString(16)}, at byte ${offset}`,
    { subject: 'SNP report' },
  )
}
