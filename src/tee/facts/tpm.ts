import type { TpmAttribute } from '../verify/tpm/public.ts'
import type { LogFacts } from './log.ts'

/** What a TPM's quote states. Byte strings are lower-case hex. */
export interface QuoteFacts {
  /** `sha256:…` of the attestation key's SubjectPublicKeyInfo. */
  ak: string
  scheme: string | null
  qualifiedSigner: string
  qualifyingData: string
  /** Milliseconds, decimal text: 64 bits do not fit a JSON number. */
  clock: string
  resetCount: number
  restartCount: number
  safe: boolean
  firmwareVersion: string
  selection: string
  pcrDigest: string
  pcrBank: string | null
  /** Value by PCR number. */
  pcrs: Record<string, string>
}

/** What a certificate of a TPM key states; whether it counts is said by `softwareTpm`. */
export type CertificateFacts =
  | {
      purposes: string[]
      manufacturer: string | null
      model: string | null
      version: string | null
      issuer: string | null
      fingerprint: string
      key: string
    }
  | { unreadable: string }

/** Who vouches for the attestation key. */
export interface TrustFacts {
  /** No manufacturer's certificate chain reaches the attestation key. */
  softwareTpm: boolean
  /** The policy pins the attestation key. */
  akPinned: boolean
  akCertificate: CertificateFacts | null
  ekCertificate: CertificateFacts | null
  akActivation: { ek: string; registrar: string; time: string } | null
}

/** What the attestation key's public area states, where something proves it. */
export interface AreaFacts {
  akAttributes: TpmAttribute[]
  akName: string
  akPrimaryUnder: string | null
}

/** What an IMA measurement list states that leads to PCR 10. */
export interface ImaFacts {
  rule: string
  /** The list begins with the aggregate of the quoted boot PCRs. */
  bootAggregate: boolean
  violations: number
  /** Entries of templates that name no file here. */
  unread: number
  files: { path: string; algorithm: string; digest: string }[]
}

/** Logs that travel with a quote and lead to its PCRs; null where none does. */
export interface TpmLogFacts {
  log: (LogFacts & { startupLocality: number }) | null
  ima: ImaFacts | null
}

export interface TpmFacts extends TpmLogFacts {
  /** Null where the quote cannot be read. */
  quote: QuoteFacts | null
  trust: TrustFacts
  area: AreaFacts | null
}
