import { readFile } from 'node:fs/promises'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { fromBase64, toBase64 } from '../../encoding/base64.ts'
import { defaultPcr, openPcrRegister } from '../register/index.ts'
import { endorsement } from '../tpm/endorsement.ts'
import type { Collector } from '../types.ts'
import { parsePublic } from '../verify/tpm/public.ts'
import { firmwareLogs } from './logs.ts'
import { everyPcr } from '../tpm/pcr.ts'
import { accessMissing, tpmAccess, type TpmAccess } from './tpm-access.ts'

export interface TpmOptions {
  /** As the input `tpm-device`: empty for `/dev/tpmrm0`, a path, `swtpm:SOCKET`. */
  device?: string | undefined
  /** `pcr14` unless another is chosen. */
  register?: string | undefined
  /** File of the record that a registrar signed for this machine's attestation key; empty for none. */
  activation?: string | undefined
}

/** Bytes of an activation record: a small JSON envelope. */
const longestRecord = 65_536

/**
 * Plain TPM 2.0, evidence as Trustee takes it (coco.md §7.2). The attestation key is a primary key by a fixed template: the same TPM gives
 * the same key in every boot, until somebody clears its endorsement hierarchy.
 */
export const tpmCollector = ({ device = '', register = defaultPcr, activation = '' }: TpmOptions = {}): Collector => ({
  technology: 'tpm',
  missing: async (ports) => {
    const why = await accessMissing(device, ports)
    return why === null ? null : `tpm: ${why}`
  },
  collect: async (reportData, ports, runtimeLog) => {
    const access = await tpmAccess(device, ports)
    // Trustee's verifier compares 32 bytes (TRUST §2).
    const { message, signature, values, area } = await access.attest(reportData.subarray(0, 32))
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
        ...(await endorsementDocuments(access)),
        ...(await activationDocument(activation)),
        ...(await bootLogs(device, ports)),
        ...(runtimeLog === undefined ? {} : { 'runtime-log': toBase64(runtimeLog) }),
      },
    }
  },
  openRegister: async (ports) => {
    const access = await tpmAccess(device, ports)
    const log = (await bootLogs(device, ports))['tcg-event-log']
    return openPcrRegister(register, log === undefined ? null : fromBase64(log, 'tcg-event-log'), access.use, ports)
  },
})

async function endorsementDocuments(access: TpmAccess): Promise<Record<string, string>> {
  const { certificate } = await access.use(endorsement)
  return certificate === null ? {} : { 'ek-certificate': toBase64(certificate) }
}

async function activationDocument(path: string): Promise<Record<string, string>> {
  if (path === '') return {}
  const bytes = await readFile(path).catch((cause: unknown) => {
    throw new InputError('file-missing', `the activation record ${path} cannot be read`, {
      subject: 'ak-activation',
      cause,
      remedy: 'Give the file that "sealwright tee ak record" wrote for this machine.',
    })
  })
  if (bytes.length > longestRecord) {
    throw new InputError('file-invalid', `${path} is no activation record: it has ${bytes.length} bytes`, {
      subject: 'ak-activation',
    })
  }
  return { 'ak-activation': toBase64(bytes) }
}

/** The kernel's logs are of the machine's own TPM: a software TPM behind a socket has seen none of it. */
async function bootLogs(device: string, ports: Ports): Promise<Record<string, string>> {
  return device.startsWith('swtpm:') ? {} : firmwareLogs(ports)
}
