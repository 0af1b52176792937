import type { LogRequest } from './log-signatures.ts'

/** Statements that signing can make; the rest are made by others (`vsa`) or always (`evidence`, where an agent runs). */
export const signableKinds = [
  'sign',
  'provenance',
  'spdx',
  'spdx3',
  'cyclonedx',
  'inventory',
  'rebuild',
  'encryption',
] as const
export type SignableKind = (typeof signableKinds)[number]

export const consumers = ['cosign2', 'cosign3', 'coco'] as const
export type Consumer = (typeof consumers)[number]

export interface SignRequest {
  /** Reference, or null for the job's image. */
  image: string | null
  /** Reference to publish to, or null to sign where the image lies. */
  output: string | null
  signer: 'agent' | 'key'
  /** PEM of the private key and its password, with `signer: key`. */
  key: { pem: string; password: string | null } | null
  /** Null: all that there is material for. */
  statements: SignableKind[] | null
  consumers: Consumer[]
  /** Path of an SBOM, or null. */
  sbom: string | null
  /** `docker-reference` of simple signing, or null for the one of the store. */
  identity: string | null
  /** Address of an RFC 3161 service that stamps every signature, or null for none. */
  timestamp: URL | null
  /** Log that every signature is written to, or null for none. */
  log: LogRequest | null
}
