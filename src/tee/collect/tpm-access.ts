import { stat } from 'node:fs/promises'
import type { Ports } from '../../base/ports.ts'
import { openTpm, tpmAddress, tpmMissing } from '../tpm/open.ts'
import { withAttestationKey } from '../tpm/attestation.ts'
import { preferredKind } from '../tpm/endorsement.ts'
import type { KeyKind } from '../tpm/templates.ts'
import { quoteWithValues, type TakenQuote } from '../tpm/quote.ts'
import { quoteByTools } from '../tpm/tool-quote.ts'
import { hasTools, toolTransport } from '../tpm/tool-transport.ts'
import { Tpm } from '../tpm/tpm.ts'

export interface AttestedPcrs extends TakenQuote {
  /** SHA-256 bank, all 24. */
  values: Map<number, Buffer>
  /** TPMT_PUBLIC of the attestation key. */
  area: Buffer
  /** DER certificate of the attestation key, where the cloud put one into the TPM. */
  certificate: Buffer | null
}

/** How this process reaches the TPM: by the device or socket, or else by tpm2-tools. */
export interface TpmAccess {
  use<T>(use: (tpm: Tpm) => Promise<T>): Promise<T>
  /** A quote over all PCRs by the attestation key, a primary of the endorsement hierarchy. @param qualifyingData up to 64 bytes */
  attest(qualifyingData: Uint8Array): Promise<AttestedPcrs>
}

/** Null when there is a way; otherwise what is missing. @throws InputError `input-invalid` for a `device` of no form */
export async function accessMissing(device: string, ports: Ports): Promise<string | null> {
  const missing = await tpmMissing(tpmAddress(device, ports))
  return missing !== null && (await onlyTools(device, ports)) ? null : missing
}

/**
 * @param device as the input `tpm-device`; empty for the machine's own
 * @param kind of the attestation key; by default P-256 where the TPM has it
 */
export async function tpmAccess(device: string, ports: Ports, kind?: KeyKind): Promise<TpmAccess> {
  const address = tpmAddress(device, ports)
  const byTools = await onlyTools(device, ports)
  const use = async <T>(work: (tpm: Tpm) => Promise<T>): Promise<T> => {
    const tpm = byTools ? new Tpm(toolTransport(ports), ports.clock) : await openTpm(address, ports)
    try {
      return await work(tpm)
    } finally {
      await tpm.close()
    }
  }
  return {
    use,
    attest: async (qualifyingData) => {
      if (byTools)
        return { ...(await quoteByTools(kind ?? (await use(preferredKind)), qualifyingData, ports)), certificate: null }
      return use((tpm) =>
        withAttestationKey(
          tpm,
          ports.log,
          async ({ key: { handle, area }, certificate }) => ({
            ...(await quoteWithValues(tpm, handle, qualifyingData, 'sha256')),
            area,
            certificate,
          }),
          kind,
        ),
      )
    },
  }
}

/** The machine's own device may not be opened, and tpm2-tools reach it all the same. */
async function onlyTools(device: string, ports: Ports): Promise<boolean> {
  const address = tpmAddress(device, ports)
  if (device !== '' || address.kind !== 'device' || (await tpmMissing(address)) === null) return false
  const exists = (await stat(address.path).catch(() => null)) !== null
  return hasTools(ports, exists)
}
