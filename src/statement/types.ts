import type { JsonObject } from '../base/json.ts'
import type { Digest } from '../oci/types.ts'
import type { StepsNetwork } from './isolation.ts'

export const statementType = 'https://in-toto.io/Statement/v1'
/** Both cosigns still write this type with `attest`; read, never written. */
export const legacyStatementType = 'https://in-toto.io/Statement/v0.1'
/** DSSE payload type of every statement. */
export const payloadType = 'application/vnd.in-toto+json'

/** The kinds of statement that we write, with their predicate types (TRUST §4). */
export const predicateTypes = {
  sign: 'https://sigstore.dev/cosign/sign/v1',
  provenance: 'https://slsa.dev/provenance/v1',
  spdx: 'https://spdx.dev/Document',
  /** SPDX 3: JSON-LD, which has nothing of the form of SPDX 2. */
  spdx3: 'https://spdx.dev/Document/v3',
  cyclonedx: 'https://cyclonedx.org/bom',
  inventory: 'https://sealwright.dev/inventory/v1',
  rebuild: 'https://sealwright.dev/rebuild/v1',
  encryption: 'https://sealwright.dev/encryption/v1',
  /** SCAI: points at the raw evidence bundle; signed after the seal. */
  evidence: 'https://in-toto.io/attestation/scai/v0.3',
  vsa: 'https://slsa.dev/verification_summary/v1',
  /** The receiver's word: it verified the image and copied it to another place. */
  promotion: 'https://sealwright.dev/promotion/v1',
} as const
export type StatementKind = keyof typeof predicateTypes

/** Statements whose predicate is an SBOM. */
export const sbomKinds = ['spdx', 'spdx3', 'cyclonedx'] as const
export type SbomKind = (typeof sbomKinds)[number]

/** One thing that a statement speaks of (in-toto resource descriptor); other tools also write other algorithms. */
export interface StatementTarget {
  name?: string | undefined
  digest: Readonly<Record<string, string>>
}

/** in-toto Statement v1. Ours have exactly one subject, the published manifest (INTERFACE §1); in-toto allows several. */
export interface Statement {
  _type: typeof statementType | typeof legacyStatementType
  subject: readonly [StatementTarget, ...StatementTarget[]]
  predicateType: string
  predicate: JsonObject
  /** Set where the predicate is a text: `cosign attest --type spdx` writes the document as it is. Then `predicate` is empty. */
  predicateText?: string | undefined
}

/** Our SLSA buildType: what its externalParameters and resolvedDependencies mean stands in docs/buildtype.md. */
export const buildType = 'https://sealwright.dev/build/v1'

/** Builder id as the gate computes it from what it verified (TRUST §4). */
export const builderIdPrefix = 'https://sealwright.dev/builder/v1/'

/** The build record: everything a build was made of, nothing of the host. Written by `build-reproducible`, JCS bytes, an output of the `build` event. */
export interface BuildRecord {
  v: 1
  source: {
    /** Remote URL without credentials; null outside a git work tree. */
    repository: string | null
    commit: string | null
    tree: string | null
    /** Every tracked file of the context has the content that the tree says, and nothing untracked was read. */
    clean: boolean
    /** Committer time of the commit, seconds since 1970; null without one. */
    committed: number | null
  }
  context: { path: string; digest: Digest; files: number; bytes: number }
  /** `byDefault`: it is the one that a build of this context takes where none is named. */
  containerfile: { path: string; digest: Digest; byDefault: boolean }
  /** Ignore file that decided what of the context was read; null where there was none. */
  ignoreFile: { path: string; digest: Digest } | null
  target: string | null
  platform: string
  /** `manifest` is the platform's own where `digest` is an index. */
  baseImages: {
    name: string
    digest: Digest
    manifest?: Digest | undefined
    /** Its configuration and layers, so that an image can be denied by what of them it was made of. */
    config?: Digest | undefined
    layers?: Digest[] | undefined
    /** Payload of the promotion record that admitted it under `basesPolicy`. */
    promotion?: Digest | undefined
  }[]
  /** Bases policy that every base passed before the build; absent where none was asked for. */
  basesPolicy?: Digest | undefined
  buildArgs: Record<string, string>
  labels: Record<string, string>
  prepare: string | null
  /** Network that `prepare` and RUN really had; `none` where neither ran. */
  network: StepsNetwork
  /** Entries of PATH outside /usr that they saw: `tool-cache/…`, else the folder. Empty where neither ran. */
  path: string[]
  /** Ids of build secrets that were given, sorted. */
  secrets: string[]
  /** What was read in place of building it anew; null for nothing. */
  cache: Digest | null
  sourceDateEpoch: number
  compression: 'gzip' | 'zstd'
  builder: { name: 'buildah' | 'docker' | 'embedded'; version: string; isolation: string }
  tools: Record<string, string>
  image: { manifest: Digest; config: Digest }
  rebuilds: { count: number; matched: number; independence: 'same-job' }
}

export interface EncryptionPredicate {
  plain: { manifest: Digest }
  encrypted: { manifest: Digest }
  config: Digest
  /** In layer order; a layer left plain has equal digests. */
  layers: { plain: Digest; encrypted: Digest; diffId: Digest }[]
  cipher: 'AES_256_CTR_HMAC_SHA256'
  recipients: { scheme: 'jwe' | 'pkcs7' | 'pkcs11' | 'kbs'; keyId: string }[]
}

export interface InventoryPredicate {
  /** The document itself is a referrer of its own, named by digest. */
  document: { digest: Digest; mediaType: string; size: number }
  config: Digest
  diffIds: Digest[]
  files: number
}

export const inventoryMediaType = 'application/vnd.sealwright.inventory.v1+jsonl'
export const inventoryArtifactType = 'application/vnd.sealwright.inventory.v1'

/** What a signer gives for some bytes. Signatures are ECDSA P-256 over SHA-256, DER, unless the key says otherwise. */
export interface Signer {
  /** `agent` or `key`. */
  readonly name: string
  /** SPKI PEM. */
  readonly publicKeyPem: string
  /** base64 SHA-256 of the SPKI DER: the bundle's `publicKey.hint`, as cosign writes it. */
  readonly hint: string
  sign(bytes: Uint8Array): Promise<Buffer>
}

/** DSSE envelope v1. */
export interface Envelope {
  payloadType: string
  payload: string
  signatures: { sig: string; keyid: string }[]
}
