import { z } from 'zod'
import { digestSchema, eventSchema, type JournalEvent, type EventFacts } from '../journal/event.ts'
import { technologies } from '../base/technology.ts'
import type { Secret } from '../kbs/apply.ts'
import type { KbsBinding } from '../kbs/binding.ts'
import type { EvidenceBundle } from '../journal/evidence-bundle.ts'
import type { JsonValue } from '../base/json.ts'
import type { Caller } from './caller.ts'
import type { Envelope } from '../statement/types.ts'
import type { Digest } from '../oci/types.ts'
import type { Signable } from './rules/signable.ts'
import type { TaskName } from './worker/table.ts'

/** JSON over HTTP on the agent's Unix socket. Every caller counts as hostile (TRUST §4): each body is checked strictly. */
export const statusSchema = z.strictObject({
  version: z.string(),
  pid: z.int(),
  technology: z.enum(technologies),
  /** RFC 7638 thumbprint of K. */
  keyId: z.string(),
  publicKeyPem: z.string(),
  jobDigest: digestSchema,
  instance: z.string(),
  assurance: z.enum(['token', 'self-asserted']),
  claims: z.record(z.string(), z.json()),
  journalHead: digestSchema,
  journalCount: z.int(),
  /** URIs of the KEKs that the agent holds and that no `publish` event has taken over yet. */
  keys: z.array(z.string()),
  /** Hosts that the agent contacted (the OIDC issuer, its JWKS). */
  hosts: z.array(z.string()),
  /** What a reader should know, e.g. that the journal's file was changed by somebody else and written anew. */
  warnings: z.array(z.string()).optional(),
})
export type AgentStatus = z.infer<typeof statusSchema>

/** A name that a pull can match: `host[:port]/path`, or `localhost/folder`. */
export const imageNameSchema = z
  .string()
  .max(512)
  .regex(/^[A-Za-z0-9][A-Za-z0-9.-]*(?::\d{1,5})?(?:\/(?!\.{1,2}(?:\/|$))[A-Za-z0-9._+~-]+)+$/)

/** What a caller may say of an event; a member that the agent writes itself is refused. */
export const eventFactsSchema = eventSchema.pick({ kind: true, inputs: true, outputs: true, result: true })

/** Names of the statements that the agent signs by rule. `evidence` is signed only after a seal and only over its bundle. */
export const statementRequestSchema = z.strictObject({
  kind: z.enum([
    'sign',
    'provenance',
    'spdx',
    'spdx3',
    'cyclonedx',
    'inventory',
    'rebuild',
    'encryption',
    'evidence',
    'vsa',
    'promotion',
  ]),
  /** Digest of the published manifest. */
  subject: digestSchema,
  /**
   * Documents that the statement is made of, base64. Each is believed only if its SHA-256 stands in the journal:
   *
   * | kind | documents | must be |
   * |---|---|---|
   * | provenance, rebuild | `build-record` | output of the `build` event |
   * | spdx, spdx3, cyclonedx | the same name | output of an `sbom` event of the plain image |
   * | inventory | `inventory` (the whole document), `config` (image config) | output, input of that `sbom` event |
   * | encryption | `config` (image config) | input of the `encrypt` event |
   * | vsa | `verdict` | output of a `verify` event of the subject |
   * | promotion | `promotion` (facts), `verdict` (of the copy) | outputs of a `promote` event of the subject |
   * | sign, evidence | none | |
   */
  documents: z.record(z.string().regex(/^[a-z0-9-]{1,32}$/), z.string()),
  /**
   * For `evidence`: digest and size of the bundle's manifest (`evidenceManifest` of src/journal/evidence-manifest.ts over the last seal's
   * bundle), and what the subject's own descriptor says, which stands in that manifest.
   */
  evidence: z
    .strictObject({
      digest: digestSchema,
      size: z.int().min(1),
      subject: z.strictObject({ mediaType: z.string().max(255), size: z.int().min(1) }),
    })
    .optional(),
})
export type StatementRequest = z.infer<typeof statementRequestSchema>

/** Certificates of the key that signs, DER in base64, leaf first. */
const certificates = z.array(z.base64().max(16_384)).min(1).max(10)

/** A signature of the Notary Project: the certificates are the caller's, the key and the time are the agent's. */
export const notationRequestSchema = z.strictObject({
  subject: z.strictObject({ mediaType: z.string().max(255), digest: digestSchema, size: z.int().min(1) }),
  certificates,
})
export type NotationRequest = z.infer<typeof notationRequestSchema>

/** A SCITT signed statement over one of the job's statements. */
export const signedStatementRequestSchema = z.strictObject({
  /** Digest of the published manifest, and its name without tag. */
  subject: digestSchema,
  name: imageNameSchema,
  /** Digest of the statement's payload, as it stands in the journal. */
  payload: digestSchema,
  certificates: certificates.nullable(),
})
export type SignedStatementRequest = z.infer<typeof signedStatementRequestSchema>

export interface SignedStatement {
  /** The exact payload bytes. */
  payload: Buffer
  payloadDigest: Digest
  envelope: Envelope
}

/** What a step of the job may ask of the agent. */
export interface AgentClient {
  status(): Promise<AgentStatus>
  /** Appends an event; an identical retry adds none. Returns the event as it stands in the journal. */
  append(facts: EventFacts): Promise<JournalEvent>
  journal(): Promise<JournalEvent[]>
  /** Makes, journals and signs a statement by the rules of TRUST §4. @throws VerificationError `role-mismatch`, `self-verified` */
  statement(request: StatementRequest): Promise<SignedStatement>
  /** A cosign simple-signing payload for a manifest that plays the role of a published image. */
  simpleSigning(subject: Digest, dockerReference: string): Promise<{ payload: Buffer; signature: Buffer }>
  /** An envelope of the Notary Project (COSE) by the agent's key, for a manifest that plays the role of a published image. */
  notation(request: NotationRequest): Promise<Buffer>
  /** A SCITT signed statement by the agent's key over a statement of its journal. */
  signedStatement(request: SignedStatementRequest): Promise<Buffer>
  /** Seals the journal. When nothing was signed since the last seal, that one's bundle comes back. */
  seal(): Promise<EvidenceBundle>
  /**
   * Hands in a task: a worker of the agent does it, and the agent writes its events (TRUST §4). The caller gives what only it may read and
   * takes what only it may write.
   *
   * @throws what the worker failed with
   */
  task(name: TaskName, request: JsonValue, caller: Caller): Promise<JsonValue>
  stop(): Promise<void>
}

/** What a worker may ask of its agent, as far as the table of tasks gives it to its task. None of it stands on the socket. */
export interface TaskAgent {
  status(): Promise<AgentStatus>
  /** Whether a long-lived key may sign a statement of the journal, or its image. @throws VerificationError `role-mismatch` */
  maySign(wanted: Signable): Promise<void>
  /** Makes the KEK for a `kbs:///repo/type/tag` URI, once, for one KBS. It stays in the agent. */
  createKey(uri: string, kbs: KbsBinding): Promise<void>
  /** Wraps ocicrypt's private options with a KEK: AES-256-GCM, no AAD; ciphertext ‖ tag, and the 12-byte IV (coco.md §4.2). */
  wrap(uri: string, plaintext: Buffer): Promise<{ wrapped: Buffer; iv: Buffer }>
  /** Undoes {@link wrap}, so that the same job can read what it encrypted. */
  unwrap(uri: string, wrapped: Buffer, iv: Buffer): Promise<Buffer>
  /** The 32-byte KEK, for the KBS that it was made for, and the key that its server must show. @throws VerificationError `role-mismatch` */
  takeKey(uri: string, kbs: string): Promise<Secret>
  /** Decrypts a flattened JWE made for `tee-pubkey` (a KBS resource by passport). */
  decryptJwe(jwe: string): Promise<Buffer>
  /**
   * A second report for RCAR (TRUST §2): same tee-pubkey, over the SHA-384 of JCS `{"additional-evidence":"", nonce, tee-pubkey}`. The agent
   * hashes by itself: a caller that could choose the report data could have a binding of its own attested.
   */
  report(nonce: string): Promise<{ evidence: unknown; teePubkey: unknown }>
  /** JCS bytes of the open binding and its evidence: what an Attestation Service appraises for a passport. */
  openReport(): Promise<{ binding: Buffer; evidence: Buffer }>
  /** Hands in an EAR over the open binding, which then travels as the document `ear` of the open report. @throws VerificationError `binding-mismatch` */
  attachEar(ear: string): Promise<void>
}
