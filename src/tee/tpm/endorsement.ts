import type { Log } from '../../base/ports.ts'
import { SealwrightError } from '../../base/errors.ts'
import { parseCertificate } from '../../encoding/x509/certificate.ts'
import { hasCurve } from './capability.ts'
import { nvRead } from './nv.ts'
import { endorsementIndices, type KeyKind } from './templates.ts'
import type { Tpm } from './tpm.ts'

const p256 = 3

/** P-256 where the TPM has it: its keys are made in milliseconds, RSA's in seconds. */
export async function preferredKind(tpm: Tpm): Promise<KeyKind> {
  return (await hasCurve(tpm, p256)) ? 'ecc' : 'rsa'
}

export interface Endorsement {
  kind: KeyKind
  /** DER, or null where the maker left none in the TPM. */
  certificate: Buffer | null
}

/** Which endorsement key this TPM is known by: the one with a certificate, P-256 before RSA; else the preferred kind, of a TPM without a maker. */
export async function endorsement(tpm: Tpm, log: Pick<Log, 'warn'>): Promise<Endorsement> {
  const preferred = await preferredKind(tpm)
  const kinds: readonly KeyKind[] = preferred === 'ecc' ? ['ecc', 'rsa'] : ['rsa']
  for (const kind of kinds) {
    const certificate = await storedCertificate(tpm, endorsementIndices[kind], log)
    if (certificate !== null) return { kind, certificate }
  }
  return { kind: preferred, certificate: null }
}

/** The certificate at the beginning of an index that may be longer, DER; null where there is none. One that cannot be read is told and left. */
export async function storedCertificate(tpm: Tpm, index: number, log: Pick<Log, 'warn'>): Promise<Buffer | null> {
  const stored = await nvRead(tpm, index)
  if (stored === null) return null
  const long = stored[0] === 0x30 && stored[1] === 0x82
  const certificate = stored.subarray(0, long ? 4 + stored.readUInt16BE(2) : 0)
  const name = `NV index 0x${index.toString(16)}`
  try {
    parseCertificate(certificate, name, 'tpm')
    return certificate
  } catch (error) {
    if (!(error instanceof SealwrightError)) throw error
    log.warn(`${error.message}: evidence goes without it`)
    return null
  }
}
