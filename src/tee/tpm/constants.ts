/** Command codes (TPM 2.0 Library Part 2 §6.5.2) of what we send; nothing else reaches a TPM from here. */
export const commandCodes = {
  NV_UndefineSpace: 0x122,
  NV_DefineSpace: 0x12a,
  CreatePrimary: 0x131,
  NV_Write: 0x137,
  PCR_Reset: 0x13d,
  Startup: 0x144,
  ActivateCredential: 0x147,
  NV_Read: 0x14e,
  PolicySecret: 0x151,
  Quote: 0x158,
  FlushContext: 0x165,
  NV_ReadPublic: 0x169,
  ReadPublic: 0x173,
  StartAuthSession: 0x176,
  GetCapability: 0x17a,
  GetRandom: 0x17b,
  PCR_Read: 0x17e,
  PCR_Extend: 0x182,
} as const
export type CommandName = keyof typeof commandCodes

/** Permanent handles (Part 2 §7.4). */
export const handles = {
  owner: 0x40000001,
  null: 0x40000007,
  /** A session that is a password: empty, as on every TPM whose owner set none. */
  password: 0x40000009,
  endorsement: 0x4000000b,
  platform: 0x4000000c,
} as const

/** TPM_ALG_ID (Part 2 §6.3), beside the hashes of `eventlog/hashes.ts`. */
export const algorithms = {
  rsa: 0x01,
  aes: 0x06,
  null: 0x10,
  rsassa: 0x14,
  ecdsa: 0x18,
  ecc: 0x23,
  cfb: 0x43,
} as const

/** Bytes that a command or response may have: the kernel's buffer, which no TPM of ours comes near. */
export const largestMessage = 4096
