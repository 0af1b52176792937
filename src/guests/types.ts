import type { Certificate } from '../encoding/x509/certificate.ts'
import type { IdentityRule } from '../bundle/identity.ts'
import type { Child } from '../image/platforms.ts'
import type { ImageConfig } from '../image/types.ts'
import type { Descriptor, Digest, Platform } from '../oci/types.ts'
import type { PublicKey } from '../sign/public-key.ts'
import type { TrustedRoot } from '../sign/trusted-root.ts'
import type { EncryptedLayer } from './encryption.ts'
import type { SignatureFacts } from './signatures.ts'

/** All that readers are judged by: what a store holds of one image and beside it. Nothing of it is believed. */
export interface ImageFacts {
  /** `host/name@DIGEST` or `oci:/abs/dir@DIGEST`. */
  reference: string
  /** Where readers would pull it from; null for a layout, which only tools on this machine open. */
  registry: { host: string; loopback: boolean } | null
  /** Repository that readers will know the image by; null where it is not known (a layout without `--as`). */
  name: string | null
  /** What the reference names: a manifest or an index. */
  named: Descriptor
  /** Children of the index that could run, or null for a single manifest. */
  index: readonly Child[] | null
  /** The platform that is judged. */
  platform: Platform
  /** The manifest that runs on that platform, with its configuration. */
  image: { descriptor: Descriptor; layers: readonly Descriptor[]; config: ImageConfig }
  /** Two children of the index that a reader could take for the platform. */
  ambiguous: readonly [string, string] | null
  /** Blobs that the manifest names and the store does not have. */
  missing: readonly Digest[]
  encrypted: readonly EncryptedLayer[]
  /** Signatures of what is named. */
  signatures: SignatureFacts
  /** Signatures of the platform's own manifest; the same where no index is named. */
  imageSignatures: SignatureFacts
}

/** Whose signature counts, and what else a reader is configured with. */
export interface Question {
  key: PublicKey | null
  /** Certificates of Sigstore. */
  identity: { rules: readonly IdentityRule[]; root: TrustedRoot } | null
  /** Roots of Notary Project readers; empty where none is given. */
  authorities: readonly Certificate[]
  kbs: KbsFacts | null
  now: Date
}

/** What asking a Key Broker Service without evidence tells. */
export interface KbsFacts {
  url: string
  /** Only programs on the same machine reach it. */
  loopback: boolean
  /** Why guests cannot talk to it, or null where it answers in the protocol that they speak. */
  fault: string | null
  /** Keys that it gives to anybody who asks. */
  open: readonly string[]
}

/** Reasons of a reader: a closed, stable set. */
export type FindingCode =
  | 'blob-missing'
  | 'encrypted'
  | 'encryption-form'
  | 'index-ambiguous'
  | 'index-platform'
  | 'kbs'
  | 'key-kind'
  | 'layer-count'
  | 'layer-type'
  | 'limit'
  | 'name'
  | 'payload-identity'
  | 'program'
  | 'registry'
  | 'signature-form'
  | 'signature-missing'
  | 'signer'
  | 'signer-not-given'

export interface Finding {
  /** `fails`: the reader refuses. `not-checked`: nobody can tell without more being given. `note`: the reader goes on. */
  effect: 'fails' | 'not-checked' | 'note'
  code: FindingCode
  why: string
  remedy: string | null
}

export type Standing = 'reads' | 'not-checked' | 'fails'

/** What is known of a reader, and from where: a file of its source, a page, or a run. */
export interface Fact {
  says: string
  from: string
}

/** One reader of images, in one version, as a table of facts and a rule over them. Pure. */
export interface Reader {
  /** As in `--for`. */
  name: string
  /** Version that the rules were read from or tried with; `--for NAME@VERSION` may be shorter. */
  version: string
  title: string
  /** Release or commit that the rules come from. */
  source: string
  /** What it does, and what is known to be different from others: the facts that `judge` goes by. */
  facts: readonly Fact[]
  judge(image: ImageFacts, question: Question): Finding[]
}

/** What one reader will make of an image. */
export interface Judgement {
  reader: string
  title: string
  standing: Standing
  /** `real program` where one was found on PATH and run, else the model's source. */
  by: { kind: 'real program' | 'model'; of: string }
  findings: Finding[]
}

export function fails(code: FindingCode, why: string, remedy: string | null = null): Finding {
  return { effect: 'fails', code, why, remedy }
}

export function notChecked(code: FindingCode, why: string, remedy: string | null = null): Finding {
  return { effect: 'not-checked', code, why, remedy }
}

export function note(code: FindingCode, why: string, remedy: string | null = null): Finding {
  return { effect: 'note', code, why, remedy }
}

/** The worst of some findings decides. */
export function standingOf(findings: readonly Finding[]): Standing {
  if (findings.some(({ effect }) => effect === 'fails')) return 'fails'
  return findings.some(({ effect }) => effect === 'not-checked') ? 'not-checked' : 'reads'
}
