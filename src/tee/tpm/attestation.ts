import type { Log } from '../../base/ports.ts'
import { keyFingerprint } from '../verify/tpm/attestation-key.ts'
import { parseCertificate } from '../../encoding/x509/certificate.ts'
import { preferredKind, storedCertificate } from './endorsement.ts'
import { withPrimary, type LoadedKey } from './keys.ts'
import { nvRead } from './nv.ts'
import { attestationTemplate, type KeyKind } from './templates.ts'
import type { Tpm } from './tpm.ts'

/**
 * Where Google's cloud keeps templates and certificates of attestation keys in its virtual TPM (go-tpm-tools, `client/handles.go`), P-256
 * first. The certificate is signed by Google for this very machine.
 */
const cloudIndices = [
  { kind: 'ecc', template: 0x01c10003, certificate: 0x01c10002 },
  { kind: 'rsa', template: 0x01c10001, certificate: 0x01c10000 },
] as const

export interface AttestationKey {
  key: LoadedKey
  /** DER certificate of this key, or null where nobody made one. */
  certificate: Buffer | null
}

/**
 * Makes the attestation key, uses it and takes it out again: the one that the cloud certified, else ours by the fixed template.
 *
 * @param kind of the key; by default P-256 where the TPM has it
 */
export async function withAttestationKey<T>(
  tpm: Tpm,
  log: Pick<Log, 'warn'>,
  use: (attestation: AttestationKey) => Promise<T>,
  kind?: KeyKind,
): Promise<T> {
  const own = async (): Promise<T> =>
    withPrimary(tpm, 'endorsement', attestationTemplate(kind ?? (await preferredKind(tpm))), (key) =>
      use({ key, certificate: null }),
    )
  const cloud = await cloudKey(tpm, log, kind)
  if (cloud === null) return own()
  const { template, certificate } = cloud
  const used = await withPrimary(tpm, 'endorsement', template, async (key) =>
    isOf(certificate, key) ? { value: await use({ key, certificate }) } : null,
  )
  if (used !== null) return used.value
  log.warn('the certificate in the TPM is not of the attestation key that its template makes: our own key is taken')
  return own()
}

async function cloudKey(
  tpm: Tpm,
  log: Pick<Log, 'warn'>,
  kind: KeyKind | undefined,
): Promise<{ template: Buffer; certificate: Buffer } | null> {
  for (const indices of cloudIndices.filter((item) => kind === undefined || item.kind === kind)) {
    const stored = await nvRead(tpm, indices.template)
    const certificate = stored === null ? null : await storedCertificate(tpm, indices.certificate, log)
    if (stored !== null && certificate !== null) return { template: bare(stored), certificate }
  }
  return null
}

/** TPMT_PUBLIC, also where it stands behind its length. */
function bare(stored: Buffer): Buffer {
  return stored.length > 2 && stored.readUInt16BE() === stored.length - 2 ? stored.subarray(2) : stored
}

function isOf(certificate: Buffer, key: LoadedKey): boolean {
  return keyFingerprint(parseCertificate(certificate, 'ak-certificate', 'tpm').key) === keyFingerprint(key.public.key)
}
