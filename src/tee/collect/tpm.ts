import { InputError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import type { Ports } from '../../base/ports.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { endorsement } from '../tpm/endorsement.ts'
import type { Collector } from '../types.ts'
import { parsePublic } from '../verify/tpm/public.ts'
import type { KeyKind } from '../tpm/templates.ts'
import { everyPcr } from '../tpm/pcr.ts'
import { cutImaLog } from './ima-cut.ts'
import { accessMissing, tpmAccess, type TpmAccess } from './tpm-access.ts'
import { bootLogs, openTpmRegister } from './tpm-register.ts'

export interface TpmOptions {
  /** As the input `tpm-device`: empty for `/dev/tpmrm0`, a path, `swtpm:SOCKET`. */
  device?: string | undefined
  /** `pcr8` to `pcr15`; empty for `pcr14`. */
  register?: string | undefined
  /** File of the record that a registrar signed for this machine's attestation key; empty for none. */
  activation?: string | undefined
  /** Kind of the attestation key; by default P-256 where the TPM has it. Trustee's verifier takes RSASSA alone. */
  key?: KeyKind | undefined
}

/** Bytes of an activation record: a small JSON envelope. */
const longestRecord = 65_536

/**
 * Plain TPM 2.0, evidence as Trustee takes it (coco.md §7.2). The attestation key is a primary key by a fixed template, ours or the one that a
 * cloud certified: the same TPM gives the same key in every boot, until somebody clears its endorsement hierarchy.
 */
export const tpmCollector = ({ device = '', register = '', activation = '', key }: TpmOptions = {}): Collector => ({
  technology: 'tpm',
  missing: async (ports) => {
    const why = await accessMissing(device, ports)
    return why === null ? null : `tpm: ${why}`
  },
  collect: async (reportData, ports, runtimeLog) => {
    const access = await tpmAccess(device, ports, key)
    // Trustee's verifier compares 32 bytes (TRUST §2).
    const { message, signature, values, area, certificate } = await access.attest(reportData.subarray(0, 32))
    const spki = parsePublic(area).key.export({ format: 'der', type: 'spki' })
    return {
      technology: 'tpm',
      evidence: {
        ak_public: toBase64(spki),
        tpm_quote: {
          signature: toBase64(signature),
          message: toBase64(message),
          pcrs: everyPcr.map((pcr) => values.get(pcr)?.toString('hex') ?? ''),
        },
      },
      documents: {
        'ak-tpmt': toBase64(area),
        ...(certificate === null ? {} : { 'ak-certificate': toBase64(certificate) }),
        ...(await endorsementDocuments(access, ports)),
        ...(await activationDocument(activation)),
        ...cutImaLog(await bootLogs(device, ports), values, ports.log),
        ...(runtimeLog === undefined ? {} : { 'runtime-log': toBase64(runtimeLog) }),
      },
    }
  },
  openRegister: async (ports) => openTpmRegister(device, register, (await tpmAccess(device, ports)).use, ports),
})

async function endorsementDocuments(access: TpmAccess, ports: Ports): Promise<Record<string, string>> {
  const { certificate } = await access.use((tpm) => endorsement(tpm, ports.log))
  return certificate === null ? {} : { 'ek-certificate': toBase64(certificate) }
}

async function activationDocument(path: string): Promise<Record<string, string>> {
  if (path === '') return {}
  const remedy = 'Give the file that "sealwright tee ak record" wrote for this machine.'
  const bytes = await readNamedFile(path, 'ak-activation', { remedy })
  if (bytes.length > longestRecord) {
    throw new InputError('file-invalid', `${path} is no activation record: it has ${bytes.length} bytes`, {
      subject: 'ak-activation',
    })
  }
  return { 'ak-activation': toBase64(bytes) }
}
