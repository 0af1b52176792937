import { sized, u16, u32 } from './bytes.ts'
import { algorithms } from './constants.ts'

/** A template is the TPMT_PUBLIC of a key that does not exist yet: the same seed and template always give the same key. */
export type KeyKind = 'ecc' | 'rsa'

const sha256 = 0x0b
const p256 = 3

/** fixedTPM, fixedParent, sensitiveDataOrigin, userWithAuth, restricted, sign: made in the TPM, and signs only what the TPM made. */
const attestationAttributes = 0x00050072
/** fixedTPM, fixedParent, sensitiveDataOrigin, adminWithPolicy, restricted, decrypt. */
const endorsementAttributes = 0x000300b2
/** PolicySecret(TPM_RH_ENDORSEMENT), as the TCG EK Credential Profile §B.3 has it. */
const endorsementPolicy = Buffer.from('837197674484b3f81a90cc8d46a5d724fd52d76e06520b64f2a1da1b331469aa', 'hex')

/**
 * Attestation key: a restricted signing key, ECDSA P-256 or RSASSA 2048, SHA-256. What `tpm2_createprimary -G ecc256:ecdsa-sha256:null`
 * (or `rsa2048:rsassa-sha256:null`) makes with the same attributes is the same key.
 */
export function attestationTemplate(kind: KeyKind): Buffer {
  const scheme = kind === 'ecc' ? algorithms.ecdsa : algorithms.rsassa
  const key =
    kind === 'ecc'
      ? [u16(p256), u16(algorithms.null), sized(), sized()]
      : // Exponent 0 means 65537.
        [u16(2048), u32(0), sized()]
  return Buffer.concat([
    u16(kind === 'ecc' ? algorithms.ecc : algorithms.rsa),
    u16(sha256),
    u32(attestationAttributes),
    sized(),
    u16(algorithms.null),
    u16(scheme),
    u16(sha256),
    ...key,
  ])
}

/** Endorsement key by templates L-1 (RSA 2048) and L-2 (P-256) of the TCG EK Credential Profile: what a maker's certificate is about. */
export function endorsementTemplate(kind: KeyKind): Buffer {
  const key =
    kind === 'ecc'
      ? [u16(p256), u16(algorithms.null), sized(Buffer.alloc(32)), sized(Buffer.alloc(32))]
      : [u16(2048), u32(0), sized(Buffer.alloc(256))]
  return Buffer.concat([
    u16(kind === 'ecc' ? algorithms.ecc : algorithms.rsa),
    u16(sha256),
    u32(endorsementAttributes),
    sized(endorsementPolicy),
    u16(algorithms.aes),
    u16(128),
    u16(algorithms.cfb),
    u16(algorithms.null),
    ...key,
  ])
}

/** NV indices of endorsement certificates (EK Credential Profile §2.2.1.4), the one of the P-256 key first. */
export const endorsementIndices: Readonly<Record<KeyKind, number>> = { ecc: 0x01c0000a, rsa: 0x01c00002 }
