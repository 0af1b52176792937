import type { KeyObject } from 'node:crypto'
import { heldFormats } from './held/open.ts'
import type { Technology } from '../../base/technology.ts'
import type { JsonObject } from '../../base/json.ts'
import type { TeeEvidence } from '../types.ts'
import type { PcrSelection, PcrValues } from '../verify/tpm/selection.ts'

/** Forms in which evidence comes. Hex and base64 text of any of them is taken too. */
export const evidenceFormats = [
  /** `evidence.json` of `setup-cvm-runner`, or the evidence in it. */
  'sealwright',
  /** JSON of CoCo's attesters, alone or in a message of the RCAR protocol. */
  'coco',
  /** 1184 bytes of ATTESTATION_REPORT, perhaps with the host's certificate table behind them. */
  'snp-report',
  /** Intel DCAP quote of version 4 or 5. */
  'tdx-quote',
  /** TPMS_ATTEST or TPM2B_ATTEST, with signature, PCR values and key beside it. */
  'tpm-quote',
  /** `r` and three parts in base64, with the key beside it. */
  'keylime',
  /** Azure's paravisor report: to be shown; alone it proves nothing. */
  'hcl-report',
  /** Files of other programs with a report or quote inside (src/tee/formats/held). */
  ...heldFormats,
] as const
export type EvidenceFormat = (typeof evidenceFormats)[number]

/** A TPM quote in its parts, which need not be of the PCRs that CoCo's form has. */
export interface QuoteParts {
  /** TPMS_ATTEST, the signed bytes. */
  message: Buffer
  /** TPMT_SIGNATURE. */
  signature: Buffer
  key: KeyObject
  /** TPMT_PUBLIC, where the key was given so. */
  area: Buffer | null
  selection: readonly PcrSelection[]
  values: PcrValues
}

/** Files that belong to a raw TPM quote, by option. */
export interface Companions {
  signature?: Buffer | undefined
  pcrs?: Buffer | undefined
  ak?: Buffer | undefined
}

interface Common {
  format: EvidenceFormat
  /** How the bytes were written, where it was text. */
  text: 'hex' | 'base64' | 'json' | null
  /** What was read, decoded. */
  bytes: Buffer
  /** What a reader should know, e.g. bytes that no signature covers. */
  notes: string[]
  /** Bytes behind a report that are neither its own nor a certificate table. */
  trailing: { bytes: number; allZero: boolean } | null
}

export type ReadEvidence = Common &
  (
    | {
        kind: 'evidence'
        technology: Technology
        evidence: TeeEvidence
        /** The binding beside it, and the 48 bytes that it hashes to. */
        binding: { json: JsonObject; hash: Buffer } | null
      }
    | { kind: 'quote'; technology: 'tpm'; quote: QuoteParts }
    | { kind: 'hcl'; technology: null }
  )
