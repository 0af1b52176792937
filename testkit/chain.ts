import { generateKeyPairSync, randomBytes, sign, type KeyObject } from 'node:crypto'
import type { JsonObject, JsonValue } from '../src/base/json.ts'
import { sha256 } from '../src/base/streams.ts'
import { jcs, parseJcs } from '../src/encoding/jcs.ts'
import {
  audienceFor,
  bindingDigest,
  bindingHash,
  jobDigest,
  thumbprint,
  type Binding,
  type JobRecord,
  type SigningJwk,
} from '../src/journal/binding.ts'
import { eventDigest, journalBytes, roles, type EventDraft, type JournalEvent } from '../src/journal/event.ts'
import { evidenceMediaTypes, type EvidenceBundle, type EvidenceDocument } from '../src/journal/evidence-bundle.ts'
import { evidenceLayers } from '../src/journal/evidence-manifest.ts'
import { putArtifact } from '../src/oci/artifact.ts'
import { mediaTypes, type Descriptor, type Digest, type Store } from '../src/oci/types.ts'
import { attachBundle } from '../src/sign/attach.ts'
import { makeBundle } from '../src/sign/bundle.ts'
import { signEnvelope } from '../src/sign/dsse.ts'
import { loadPublicKey } from '../src/sign/public-key.ts'
import { evidencePredicate } from '../src/statement/evidence.ts'
import { makeStatement } from '../src/statement/statement.ts'
import type { Technology } from '../src/base/technology.ts'
import type { TeeEvidence } from '../src/tee/types.ts'
import { predicateTypes, type Envelope, type Signer, type StatementKind } from '../src/statement/types.ts'
import { performed } from './performed.ts'

/** What a chain is forged of: the image's events and statements, without a key, job or evidence of their own. */
export interface ChainBase {
  subject: Descriptor
  /** Digest of the plain image: the subject's own where nothing is encrypted. */
  plain: Digest
  /** All events but the `job` and `statement` ones. */
  drafts: EventDraft[]
  payloads: { kind: StatementKind; payload: Buffer }[]
  claims: JsonObject
}

export interface ChainKey {
  key: KeyObject
  jwk: SigningJwk
  id: string
  signer: Signer
}

/** A P-256 key as an agent has one. */
export function makeKey(): ChainKey {
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const jwk: SigningJwk = { kty: 'EC', crv: 'P-256', x: String(x), y: String(y) }
  const { pem, hint } = loadPublicKey(publicKey.export({ format: 'pem', type: 'spki' }).toString())
  return {
    key: privateKey,
    jwk,
    id: thumbprint(jwk),
    signer: { name: 'agent', publicKeyPem: pem, hint, sign: async (bytes) => sign('sha256', bytes, privateKey) },
  }
}

export interface MintChange {
  issuer?: string
  audience?: string
  /** Seconds since 1970. */
  issuedAt?: number
  /** Seconds after `issuedAt`. */
  lifetime?: number
  foreignKey?: boolean
}

/** An issuer without a server: policies pin its keys. */
export interface ChainIssuer {
  url: string
  jwks: { keys: JsonObject[] }
  mint(claims: JsonObject, audience: string, at: Date, change?: MintChange): Promise<string>
}

export function makeIssuer(url = 'https://issuer.example'): ChainIssuer {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const foreign = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const kid = randomBytes(8).toString('hex')
  const { kty, crv, x, y } = pair.publicKey.export({ format: 'jwk' })
  return {
    url,
    jwks: { keys: [{ kty: String(kty), crv: String(crv), x: String(x), y: String(y), kid, use: 'sig', alg: 'ES256' }] },
    mint: async (claims, audience, at, change = {}) => {
      const iat = change.issuedAt ?? Math.floor(at.getTime() / 1000)
      const body = {
        ...claims,
        iss: change.issuer ?? url,
        aud: change.audience ?? audience,
        iat,
        nbf: iat - 10,
        exp: iat + (change.lifetime ?? 600),
        jti: randomBytes(8).toString('hex'),
      }
      const text = [{ alg: 'ES256', typ: 'JWT', kid }, body]
        .map((part) => Buffer.from(JSON.stringify(part)).toString('base64url'))
        .join('.')
      const key = change.foreignKey === true ? foreign.privateKey : pair.privateKey
      return `${text}.${sign('sha256', Buffer.from(text), { key, dsaEncoding: 'ieee-p1363' }).toString('base64url')}`
    },
  }
}

/** Places where a chain can be made wrong. Everything that is not named stays as an honest job would have it. */
export interface ForgeOptions {
  issuer: ChainIssuer
  /** When the job ran. */
  at: Date
  key?: ChainKey
  instance?: string
  claims?: JsonObject
  /** No token: the job is self-asserted. */
  selfAsserted?: boolean
  token?: MintChange
  kinds?: (kind: StatementKind) => boolean
  /** Changes a payload before it is journaled and signed. */
  payload?: (kind: StatementKind, payload: Buffer) => Buffer
  /** Statements signed by another key than K. */
  signWith?: (kind: StatementKind) => ChainKey | null
  /** The signature is made by this key, but the bundle names K. */
  forgeWith?: (kind: StatementKind) => ChainKey | null
  /** Predicate type that the referrer promises. */
  declare?: (kind: StatementKind) => string
  /** Statements that are left out of the journal, or come after the seal. */
  unsealed?: (kind: StatementKind) => boolean
  /** Changes the events before their chain is made. */
  events?: (events: EventDraft[]) => EventDraft[]
  /** Changes the stored journal after its heads were reported. */
  journal?: (events: JournalEvent[]) => JournalEvent[]
  open?: (binding: Binding) => Binding
  seal?: (binding: Binding) => Binding
  /** Changes the bytes that a report is made over. */
  reported?: (data: Buffer) => Buffer
  evidence?: boolean
  /** RFC 3161 stamps over the raw signature of a statement. */
  stamps?: (kind: StatementKind, signature: Buffer) => Buffer[]
  /** Machine that the reports are of, called in their order; sample evidence without it. */
  machine?: ForgedMachine
}

export interface ForgedMachine {
  technology: Technology
  report(binding: Binding, data: Buffer): TeeEvidence | Promise<TeeEvidence>
}

/** Makes evidence, journal and statements for a base, and attaches them: what an agent and `sign-attest` do, in one process. */
export async function forgeChain(
  store: Store,
  base: ChainBase,
  options: ForgeOptions,
): Promise<{ key: ChainKey; instance: string }> {
  const key = options.key ?? makeKey()
  const instance = options.instance ?? randomBytes(16).toString('hex')
  const { job, jwt } = await makeJob(options, base, key, instance)
  const payloads = base.payloads
    .filter(({ kind }) => options.kinds?.(kind) ?? true)
    .map(({ kind, payload }) => {
      const own = kind === 'provenance' ? withInstance(payload, instance) : payload
      return { kind, payload: options.payload?.(kind, own) ?? own }
    })
  const events = chainEvents(
    [
      {
        kind: 'job',
        inputs: [],
        outputs: [],
        ...performed,
        result: { keyThumbprint: key.id, job: jobDigest(job), instance },
      },
      ...base.drafts,
      ...payloads
        .filter(({ kind }) => !(options.unsealed?.(kind) ?? false))
        .map(({ kind, payload }) => statementEvent(base.subject, kind, payload)),
    ],
    options,
  )
  const bundle = await makeEvidence(events, key, job, jwt, options)
  for (const { kind, payload } of payloads) {
    const signer = (options.forgeWith?.(kind) ?? options.signWith?.(kind) ?? key).signer
    const hint = (options.signWith?.(kind) ?? key).signer.hint
    const envelope = await signEnvelope(payload, signer)
    await attachBundle(
      store,
      base.subject,
      makeBundle(envelope, hint, stampsOf(kind, envelope, options)),
      options.declare?.(kind) ?? predicateTypes[kind],
    )
  }
  if (options.evidence === false) return { key, instance }
  const put = await putArtifact(store, {
    artifactType: evidenceMediaTypes.index,
    subject: base.subject,
    layers: evidenceLayers(bundle),
  })
  const pointer = evidencePredicate({
    manifest: {
      digest: put.digest,
      mediaType: mediaTypes.manifest,
      artifactType: evidenceMediaTypes.index,
      size: put.size,
    },
    technology: options.machine?.technology ?? 'sample',
    keyId: key.id,
    jobDigest: jobDigest(job),
    instance,
  })
  const signer = (options.signWith?.('evidence') ?? key).signer
  const envelope = await signEnvelope(makeStatement('evidence', { digest: base.subject.digest }, pointer), signer)
  const stamps = stampsOf('evidence', envelope, options)
  await attachBundle(store, base.subject, makeBundle(envelope, signer.hint, stamps), predicateTypes.evidence)
  return { key, instance }
}

function stampsOf(kind: StatementKind, { signatures }: Envelope, { stamps }: ForgeOptions): Buffer[] {
  return stamps?.(kind, Buffer.from(signatures[0]?.sig ?? '', 'base64')) ?? []
}

async function makeJob(
  options: ForgeOptions,
  base: ChainBase,
  key: ChainKey,
  instance: string,
): Promise<{ job: JobRecord; jwt: string | null }> {
  const claims = { ...base.claims, ...options.claims }
  if (options.selfAsserted === true)
    return { job: { assurance: 'self-asserted', token: null, instance, claims }, jwt: null }
  const jwt = await options.issuer.mint(claims, audienceFor(key.id), options.at, options.token)
  const body = JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString('utf8')) as JsonObject
  return { job: { assurance: 'token', token: sha256(jwt) as Digest, instance, claims: body }, jwt }
}

/** Numbers drafts and links them. */
function chainEvents(drafts: EventDraft[], options: ForgeOptions): JournalEvent[] {
  const events: JournalEvent[] = []
  for (const draft of options.events?.(drafts) ?? drafts) {
    const last = events.at(-1)
    events.push({ v: 1, seq: events.length, prev: last === undefined ? null : eventDigest(last), ...draft })
  }
  return events
}

export function statementEvent(subject: Descriptor, kind: StatementKind, payload: Buffer): EventDraft {
  return {
    kind: 'statement',
    inputs: [{ role: roles.subject, name: 'image', digest: subject.digest, mediaType: subject.mediaType }],
    outputs: [
      { role: roles.payload, name: kind, digest: sha256(payload) as Digest, mediaType: 'application/vnd.in-toto+json' },
    ],
    ...performed,
    result: { predicateType: predicateTypes[kind] },
  }
}

async function makeEvidence(
  events: JournalEvent[],
  key: ChainKey,
  job: JobRecord,
  jwt: string | null,
  options: ForgeOptions,
): Promise<EvidenceBundle> {
  const teeKey = makeKey().jwk
  const [first] = events
  const last = events.at(-1)
  if (first === undefined || last === undefined) throw new Error('a journal has an event')
  const common: Omit<Binding, 'role' | 'journal' | 'previous'> = {
    type: 'https://sealwright.dev/binding/v1',
    key: key.jwk,
    'tee-pubkey': { kty: 'EC', crv: 'P-256', alg: 'ECDH-ES+A256KW', x: teeKey.x, y: teeKey.y },
    job,
    agent: { version: '0.1.0', code: performed.code.digest, source: performed.code.source },
    boot: { id: 'test', jobs: 1 },
    nonce: jwt === null ? { source: 'none', value: '' } : { source: 'oidc', value: 'token' },
    time: options.at.toISOString().replace(/\.\d{3}Z$/, 'Z'),
  }
  const begin: Binding = { ...common, role: 'open', journal: { head: eventDigest(first), count: 1 }, previous: null }
  const open = options.open?.(begin) ?? begin
  const end: Binding = {
    ...common,
    role: 'seal',
    journal: { head: eventDigest(last), count: events.length },
    previous: bindingDigest(open),
  }
  const seal = options.seal?.(end) ?? end
  const documents: EvidenceDocument[] = []
  const add = (mediaType: string, bytes: Buffer): Digest => {
    const digest = sha256(bytes) as Digest
    if (!documents.some((document) => document.digest === digest)) documents.push({ mediaType, digest, bytes })
    return digest
  }
  const machine = options.machine ?? sampleMachine
  const reported = options.reported ?? ((data) => data)
  const report = async (binding: Binding): Promise<{ role: 'open' | 'seal'; binding: Digest; evidence: Digest }> => ({
    role: binding.role,
    binding: add(evidenceMediaTypes.binding, jcs(binding)),
    evidence: add(evidenceMediaTypes.tee, jcs(await machine.report(binding, reported(bindingHash(binding))))),
  })
  const reports = [await report(open), await report(seal)]
  const journal = add(evidenceMediaTypes.journal, journalBytes(options.journal?.(structuredClone(events)) ?? events))
  const token = jwt === null ? null : add(evidenceMediaTypes.token, Buffer.from(jwt))
  return { index: { v: 1, technology: machine.technology, reports, journal, token }, documents }
}

const sampleMachine: ForgedMachine = {
  technology: 'sample',
  report: (_binding, data) => ({
    technology: 'sample',
    evidence: { svn: '1', report_data: data.toString('base64') },
    documents: {},
  }),
}

/** The same payload with one place of its predicate changed. */
export function changed(payload: Buffer, change: (predicate: JsonObject) => void): Buffer {
  const value = parseJcs(payload, 'payload') as { predicate: JsonObject }
  change(value.predicate)
  return jcs(value)
}

/** Follows a path of members and positions; throws where there is none, so that a tamper can never silently do nothing. */
export function at(value: JsonValue | undefined, ...path: (string | number)[]): JsonObject {
  let node: JsonValue | undefined = value
  for (const key of path) node = (node as Record<string | number, JsonValue>)[key]
  if (typeof node !== 'object' || node === null) throw new Error(`there is nothing at ${path.join('.')}`)
  return node as JsonObject
}

function withInstance(payload: Buffer, instance: string): Buffer {
  return changed(payload, (predicate) => {
    at(predicate, 'buildDefinition', 'internalParameters', 'job')['instance'] = instance
  })
}
