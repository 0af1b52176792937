import { z } from 'zod'
import { jcs, parseJcs } from '../encoding/jcs.ts'
import { sha256 } from '../base/streams.ts'
import { VerificationError } from '../base/errors.ts'
import { digestSchema } from '../oci/digest-schema.ts'
import type { Digest } from '../oci/types.ts'
import { stepsIsolations, stepsNetworks } from '../statement/isolation.ts'

export { digestSchema } from '../oci/digest-schema.ts'
export { stepsIsolations, type StepsIsolation } from '../statement/isolation.ts'

/** Something that a step read or wrote, by digest. `name` is for reading; only `role` and `digest` are judged. */
export const artifactSchema = z.strictObject({
  role: z.string().regex(/^[a-z][a-z0-9-]{0,63}$/),
  name: z.string().max(1024),
  digest: digestSchema,
  mediaType: z.string().max(255),
})
export type Artifact = z.infer<typeof artifactSchema>

export const eventKinds = [
  'job',
  'source',
  'build',
  'sbom',
  'encrypt',
  'statement',
  'publish',
  'verify',
  'rebuild',
  'promote',
] as const
export type EventKind = (typeof eventKinds)[number]

/** How the work of an event was kept apart from the job, as the agent knows it (TRUST §4). */
export const isolationSchema = z.strictObject({
  /** User that the worker ran under: another than the job's, or the same. */
  worker: z.enum(['own-user', 'same-user']),
  steps: z.enum(stepsIsolations),
  /** Network of the foreign steps: none, filtered (`default`), or the machine's own (`host`). */
  network: z.enum(stepsNetworks),
})
export type Isolation = z.infer<typeof isolationSchema>

/** One event of the journal (TRUST §3), version 1. No clock times: equal input gives equal bytes. */
export const eventSchema = z.strictObject({
  v: z.literal(1),
  seq: z.int().min(0).max(100_000),
  /** SHA-256 of the JCS bytes of the event before; null for event 0. */
  prev: digestSchema.nullable(),
  kind: z.enum(eventKinds),
  /** Whose word the event is: `agent` for work of this agent's own workers, `caller` for what reached the socket (TRUST §3). */
  performer: z.enum(['agent', 'caller']),
  inputs: z.array(artifactSchema).max(1024),
  outputs: z.array(artifactSchema).max(1024),
  /** Code that did the work, as the agent hashed it; `image` is what the agent knows of its own start (TRUST §1). */
  code: z.strictObject({ digest: digestSchema, source: z.enum(['image', 'download']) }),
  isolation: isolationSchema,
  /** Facts of this kind of event: JCS values only. */
  result: z.record(z.string().max(64), z.json()),
})
export type JournalEvent = z.infer<typeof eventSchema>

/** An event without its place in the chain. */
export type EventDraft = Omit<JournalEvent, 'v' | 'seq' | 'prev'>

/** The facts of an event. Who performed it, with which code and how isolated, is written by the agent (TRUST §1). */
export type EventFacts = Pick<JournalEvent, 'kind' | 'inputs' | 'outputs' | 'result'>

/**
 * Roles by kind, the vocabulary that TRUST §4 is judged by.
 *
 * | kind | inputs | outputs | result |
 * |---|---|---|---|
 * | job | – | – | keyThumbprint, job (digest of the job record), instance |
 * | build | context, base*, file | image (manifest), config, build-record | reproducible, rebuilds, independence, parameters |
 * | sbom | image (plain manifest), config; or directory, source, disk, model, dataset (digest of the tree) | sbom-spdx, sbom-cyclonedx, sbom-spdx3, sbom-cyclonedx17, inventory | packages, engine |
 * | encrypt | image (plain manifest), config | image (encrypted manifest) | recipients [{scheme, keyId}…], layers [[plain, encrypted]…], kbs (`embedded`, `external`, null) |
 * | encrypt, `rewrapped` | image (encrypted manifest), config | image (the same layers for other recipients) | as above, rewrapped (`add`, `replace`) |
 * | statement | subject (manifest) | payload (SHA-256 of the payload bytes) | predicateType |
 * | publish | key (id only) | kbs resources | uris |
 * | verify | image, policy, index (that was named where one of its manifests was judged), child* (of an index that passed) | verdict | verified, exceptions |
 * | promote | image, policy | verdict (of the copy), promotion (facts of the record) | to, copied, left |
 */
export const roles = {
  image: 'image',
  config: 'config',
  context: 'context',
  base: 'base',
  file: 'file',
  buildRecord: 'build-record',
  spdx: 'sbom-spdx',
  cyclonedx: 'sbom-cyclonedx',
  spdx3: 'sbom-spdx3',
  cyclonedx17: 'sbom-cyclonedx17',
  inventory: 'inventory',
  modelManifest: 'model-manifest',
  subject: 'subject',
  payload: 'payload',
  policy: 'policy',
  verdict: 'verdict',
  index: 'index',
  child: 'child',
  promotion: 'promotion',
  resource: 'resource',
} as const

/** Roles that the document of an SBOM statement has: CycloneDX 1.7 has one of its own beside 1.6. */
export const sbomRoles = {
  spdx: [roles.spdx],
  spdx3: [roles.spdx3],
  cyclonedx: [roles.cyclonedx, roles.cyclonedx17],
} as const

export function eventBytes(event: JournalEvent): Buffer {
  return jcs(event)
}

export function eventDigest(event: JournalEvent): Digest {
  return sha256(eventBytes(event))
}

/** The stored form: one JCS event a line, each ended by LF. */
export function journalBytes(events: readonly JournalEvent[]): Buffer {
  return Buffer.concat(events.flatMap((event) => [eventBytes(event), Buffer.from('\n')]))
}

/** Reads a journal and replays its chain. @throws VerificationError `journal-broken` for any gap, change, reorder or foreign member. */
export function parseJournal(bytes: Uint8Array): JournalEvent[] {
  const text = Buffer.from(bytes)
  if (text.length === 0 || text.at(-1) !== 0x0a) throw broken('does not end with a whole line')
  const events: JournalEvent[] = []
  let prev: Digest | null = null
  for (const line of text.subarray(0, -1).toString('latin1').split('\n')) {
    const event = parseEvent(Buffer.from(line, 'latin1'), events.length)
    if (event.seq !== events.length) throw broken(`event ${events.length} says that it is number ${event.seq}`)
    if (event.prev !== prev) throw broken(`event ${event.seq} does not follow the one before it`)
    if ((event.kind === 'job') !== (event.seq === 0)) throw broken(`event ${event.seq} has kind ${event.kind}`)
    prev = eventDigest(event)
    events.push(event)
  }
  return events
}

function parseEvent(bytes: Buffer, index: number): JournalEvent {
  try {
    return eventSchema.parse(parseJcs(bytes, `journal event ${index}`))
  } catch (cause) {
    throw broken(`event ${index} is not a version 1 event`, cause)
  }
}

function broken(why: string, cause?: unknown): VerificationError {
  return new VerificationError('journal-broken', `the journal is broken: it ${why}`, { subject: 'journal', cause })
}
