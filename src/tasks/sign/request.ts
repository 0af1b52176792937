import { claimKinds } from '../../statement/claims/types.ts'
import type { KeySource } from '../../sign/signers/types.ts'
import type { KeylessRequest } from './keyless.ts'
import type { LogRequest } from './log-signatures.ts'
import type { ReleasedKeySource } from './released/session.ts'

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

/** Statements that may be marked as internal: all but the signature of the image itself. */
export const internalKinds = [...signableKinds, ...claimKinds].filter((kind) => kind !== 'sign')
export type InternalKind = (typeof internalKinds)[number]

export const consumers = ['cosign2', 'cosign3', 'coco', 'notation', 'scitt'] as const
export type Consumer = (typeof consumers)[number]

/** Whether readers are served who look for signatures under the legacy tag `.sig`. */
export function readsSignatureTag(served: readonly Consumer[]): boolean {
  return served.includes('cosign2') || served.includes('coco')
}

export interface SignRequest {
  /** Reference, or null for the job's image. */
  image: string | null
  /** Reference to publish to, or null to sign where the image lies. */
  output: string | null
  /** Whether the manifests of an index are signed beside it. */
  recursive: boolean
  /** `key` stands for every key of people. */
  signer: 'agent' | 'key' | 'keyless'
  /** Where that key lies; null for the agent alone. */
  key: KeySource | ReleasedKeySource | null
  /** Where a keyless signature comes from; null for another signer. */
  keyless: KeylessRequest | null
  /** PEM of the certificates of the key, leaf first, or null; consumers `notation` and `scitt` write them. */
  certificate: string | null
  /** Null: all that there is material for. */
  statements: SignableKind[] | null
  consumers: Consumer[]
  /** Path of an SBOM, or null. */
  sbom: string | null
  /** Paths of reports to sign as claims, alone; empty for none. */
  claims: string[]
  /** Statements that stay inside when the image is promoted (docs/promote.md). */
  internal: InternalKind[]
  /** `docker-reference` of simple signing, or null for the one of the store. */
  identity: string | null
  /** Address of an RFC 3161 service that stamps every signature, or null for none. */
  timestamp: URL | null
  /** Log that every signature is written to, or null for none. */
  log: LogRequest | null
}
