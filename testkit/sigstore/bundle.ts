import { createHash, sign, type KeyObject } from 'node:crypto'
import { jcs } from '../../src/encoding/jcs.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Descriptor, type Store } from '../../src/oci/types.ts'
import { dsseMediaType, legacyTag, signatureAnnotation } from '../../src/sign/legacy.ts'
import { simpleSigningMediaType } from '../../src/sign/simple-signing.ts'
import { writePem } from '../../src/encoding/pem.ts'
import { leafHash, nodeHash } from '../../src/log/merkle.ts'
import { pae } from '../../src/sign/dsse.ts'
import { payloadType } from '../../src/statement/types.ts'
import { makeResponse, makeToken } from '../timestamp/token.ts'
import { signedAt, spki, type TestLeaf, type TestLog, type TestSigstore } from './instance.ts'

const base64 = (bytes: Uint8Array): string => Buffer.from(bytes).toString('base64')

/** What a log writes down; a test changes one of them. */
export interface Logged {
  /** The signed bytes: an artifact, or the PAE of an envelope. */
  bytes: Uint8Array
  signature: Uint8Array
  verifier: Verifier
}

export type Verifier = { certificate: Buffer } | { publicKey: Buffer }

/** An entry of Rekor v1 with promise and proof. */
export function rekorEntry(log: TestLog, body: object, at: Date = signedAt): EntryJson {
  const bytes = jcs(body)
  const seconds = Math.floor(at.getTime() / 1000)
  const set = jcs({ body: base64(bytes), integratedTime: seconds, logID: log.id.toString('hex'), logIndex: 42 })
  return {
    ...entry(log, body, bytes, 42),
    integratedTime: String(seconds),
    inclusionPromise: { signedEntryTimestamp: base64(sign('sha256', set, log.key.privateKey)) },
    inclusionProof: proof(log, bytes, 3, `${new URL(log.baseUrl).host} - 123456789`),
  }
}

/** An entry of Rekor v2: a proof alone. */
export function tileEntry(log: TestLog, body: object): EntryJson {
  const bytes = jcs(body)
  return { ...entry(log, body, bytes, 3), inclusionProof: proof(log, bytes, 3, new URL(log.baseUrl).host) }
}

export interface EntryJson {
  logIndex: string
  logId: { keyId: string }
  kindVersion: { kind: string | undefined; version: string | undefined }
  canonicalizedBody: string
  integratedTime?: string
  inclusionPromise?: { signedEntryTimestamp: string }
  inclusionProof: ProofJson
}
export interface ProofJson {
  logIndex: string
  treeSize: string
  rootHash: string
  hashes: string[]
  checkpoint: { envelope: string }
}

function entry(log: TestLog, body: object, bytes: Buffer, index: number): Omit<EntryJson, 'inclusionProof'> {
  const { kind, apiVersion } = body as { kind?: string; apiVersion?: string }
  return {
    logIndex: String(index),
    logId: { keyId: base64(log.id) },
    kindVersion: { kind, version: apiVersion },
    canonicalizedBody: base64(bytes),
  }
}

/** A tree of 6 entries in which the wanted one has the given index. */
function proof(log: TestLog, body: Buffer, index: number, origin: string): ProofJson {
  const leaves = Array.from({ length: 6 }, (_, i) => leafHash(i === index ? body : Buffer.from(`other ${i}`)))
  const pair = (i: number): Buffer => nodeHash(leaves[i] ?? Buffer.alloc(0), leaves[i + 1] ?? Buffer.alloc(0))
  const sibling = leaves[index ^ 1] ?? Buffer.alloc(0)
  const left = nodeHash(pair(0), pair(2))
  const root = nodeHash(left, pair(4))
  const hashes = [sibling, pair(index < 2 ? 2 : 0), pair(4)]
  return {
    logIndex: String(index),
    treeSize: '6',
    rootHash: base64(root),
    hashes: hashes.map(base64),
    checkpoint: { envelope: note(log, `${origin}\n6\n${base64(root)}\n`, new URL(log.baseUrl).host) },
  }
}

export function note(log: TestLog, text: string, name: string): string {
  const hash = log.key.privateKey.asymmetricKeyType === 'ed25519' ? null : 'sha256'
  const signature = sign(hash, Buffer.from(text), log.key.privateKey)
  return `${text}\n\u2014 ${name} ${base64(Buffer.concat([log.id.subarray(0, 4), signature]))}\n`
}

const sha256 = (bytes: Uint8Array): Buffer => createHash('sha256').update(bytes).digest()
const pemOf = (verifier: Verifier): string =>
  'certificate' in verifier ? writePem('CERTIFICATE', verifier.certificate) : writePem('PUBLIC KEY', verifier.publicKey)

export function hashedrekord1({ bytes, signature, verifier }: Logged): object {
  return {
    apiVersion: '0.0.1',
    kind: 'hashedrekord',
    spec: {
      data: { hash: { algorithm: 'sha256', value: sha256(bytes).toString('hex') } },
      signature: { content: base64(signature), publicKey: { content: base64(Buffer.from(pemOf(verifier))) } },
    },
  }
}

export function hashedrekord2({ bytes, signature, verifier }: Logged): object {
  return {
    apiVersion: '0.0.2',
    kind: 'hashedrekord',
    spec: {
      hashedRekordV002: {
        data: { algorithm: 'SHA2_256', digest: base64(sha256(bytes)) },
        signature: { content: base64(signature), verifier: rawVerifier(verifier) },
      },
    },
  }
}

function rawVerifier(verifier: Verifier): object {
  return {
    keyDetails: 'PKIX_ECDSA_P256_SHA_256',
    ...('certificate' in verifier
      ? { x509Certificate: { rawBytes: base64(verifier.certificate) } }
      : { publicKey: { rawBytes: base64(verifier.publicKey) } }),
  }
}

/** An entry over an envelope: of Rekor v1 (`dsse`, `intoto`) or v2 (`dsse2`). */
export function envelopeBody(
  kind: 'dsse' | 'intoto' | 'dsse2',
  payload: Uint8Array,
  { signature, verifier }: Pick<Logged, 'signature' | 'verifier'>,
): object {
  const pem = base64(Buffer.from(pemOf(verifier)))
  const hash = { algorithm: 'sha256', value: sha256(payload).toString('hex') }
  if (kind === 'dsse') {
    const spec = {
      envelopeHash: hash,
      payloadHash: hash,
      signatures: [{ signature: base64(signature), verifier: pem }],
    }
    return { apiVersion: '0.0.1', kind: 'dsse', spec }
  }
  if (kind === 'dsse2') {
    const signatures = [{ content: base64(signature), verifier: rawVerifier(verifier) }]
    const payloadHash = { algorithm: 'SHA2_256', digest: base64(sha256(payload)) }
    return { apiVersion: '0.0.2', kind: 'dsse', spec: { dsseV002: { payloadHash, signatures } } }
  }
  const sig = base64(Buffer.from(base64(signature)))
  const envelope = { payloadType, signatures: [{ publicKey: pem, sig }] }
  return { apiVersion: '0.0.2', kind: 'intoto', spec: { content: { envelope, hash, payloadHash: hash } } }
}

/** The parts of a bundle that a test puts together or spoils. */
export interface BundleParts {
  version: '0.1' | '0.2' | '0.3'
  payload: Buffer | null
  artifact: Buffer
  signature: Buffer
  material: object
  entries: object[]
  stamps: Buffer[]
}

/** Who signs, and what: a statement's payload, or an artifact itself. */
export interface SignRequest {
  payload?: Buffer
  artifact?: Buffer
  /** `tiles`: Rekor v2 with a stamp. `rekor`: Rekor v1, whose own time counts. */
  log?: 'tiles' | 'rekor'
  stampAt?: Date
}

/** Signs as Sigstore's clients do: certificate, log entry, stamp where the log has no time. */
export function signKeyless(sigstore: TestSigstore, leaf: TestLeaf, request: SignRequest): BundleParts {
  return signed(sigstore, { certificate: leaf.der }, leaf.key.privateKey, request)
}

/** Signs with a plain key. */
export function signKeyed(
  sigstore: TestSigstore,
  key: { privateKey: KeyObject; publicKey: KeyObject },
  request: SignRequest,
): BundleParts {
  return signed(sigstore, { publicKey: spki(key.publicKey) }, key.privateKey, request)
}

function signed(sigstore: TestSigstore, verifier: Verifier, key: KeyObject, request: SignRequest): BundleParts {
  const { payload = null, artifact = Buffer.from('an artifact'), log = 'tiles', stampAt = signedAt } = request
  const bytes = payload === null ? artifact : pae(payloadType, payload)
  const signature = sign(key.asymmetricKeyType === 'ed25519' ? null : 'sha256', bytes, key)
  const logged: Logged = { bytes, signature, verifier }
  const entries =
    log === 'tiles'
      ? [tileEntry(sigstore.tiles, hashedrekord2(logged))]
      : [rekorEntry(sigstore.rekor, payload === null ? hashedrekord1(logged) : envelopeBody('dsse', payload, logged))]
  return {
    version: '0.3',
    payload,
    artifact,
    signature,
    material:
      'certificate' in verifier
        ? { certificate: { rawBytes: base64(verifier.certificate) } }
        : { publicKey: { hint: base64(sha256(verifier.publicKey)) } },
    entries,
    stamps: log === 'tiles' ? [stampOf(sigstore, signature, stampAt)] : [],
  }
}

export function stampOf({ tsa }: Pick<TestSigstore, 'tsa'>, signature: Uint8Array, at: Date = signedAt): Buffer {
  return makeResponse(makeToken(tsa, signature, { at }))
}

/** The bundle as JSON; `change` may spoil it once more. */
export function bundleBytes(parts: BundleParts, change: (bundle: Record<string, unknown>) => void = () => {}): Buffer {
  const { version, payload, artifact, signature, material, entries, stamps } = parts
  const content =
    payload === null
      ? {
          messageSignature: {
            messageDigest: { algorithm: 'SHA2_256', digest: base64(sha256(artifact)) },
            signature: base64(signature),
          },
        }
      : { dsseEnvelope: { payload: base64(payload), payloadType, signatures: [{ sig: base64(signature) }] } }
  const bundle = {
    mediaType:
      version === '0.3'
        ? 'application/vnd.dev.sigstore.bundle.v0.3+json'
        : `application/vnd.dev.sigstore.bundle+json;version=${version}`,
    verificationMaterial: {
      ...material,
      tlogEntries: entries,
      timestampVerificationData: { rfc3161Timestamps: stamps.map((stamp) => ({ signedTimestamp: base64(stamp) })) },
    },
    ...content,
  }
  change(bundle)
  return Buffer.from(JSON.stringify(bundle))
}

/** Payload of a statement over some digests. */
export function payloadOf(
  subjects: readonly { name?: string; digest: Record<string, string> }[],
  predicateType = 'https://example.test/fact/v1',
  predicate: object = {},
): Buffer {
  return jcs({ _type: 'https://in-toto.io/Statement/v1', subject: subjects, predicateType, predicate })
}

/** Puts a signature under a tag of cosign's, with certificate and Rekor entry in annotations as cosign 2 writes them. */
export async function attachLegacy(
  store: Store,
  subject: Descriptor,
  kind: 'sig' | 'att',
  bytes: Uint8Array,
  signature: Uint8Array | null,
  leaf: TestLeaf,
  entry: EntryJson,
): Promise<void> {
  const config = await store.putBlob({ bytes: Buffer.from('{}') })
  const layer = await store.putBlob({ bytes })
  const { canonicalizedBody, integratedTime, logIndex, logId, inclusionPromise } = entry
  const bundle = {
    SignedEntryTimestamp: inclusionPromise?.signedEntryTimestamp,
    Payload: {
      body: canonicalizedBody,
      integratedTime: Number(integratedTime),
      logIndex: Number(logIndex),
      logID: Buffer.from(logId.keyId, 'base64').toString('hex'),
    },
  }
  const annotations = {
    [signatureAnnotation]: signature === null ? '' : base64(signature),
    'dev.sigstore.cosign/certificate': writePem('CERTIFICATE', leaf.der),
    'dev.sigstore.cosign/bundle': JSON.stringify(bundle),
  }
  const mediaType = kind === 'sig' ? simpleSigningMediaType : dsseMediaType
  const manifest = {
    schemaVersion: 2 as const,
    mediaType: mediaTypes.manifest,
    config: { mediaType: mediaTypes.config, digest: config.digest, size: config.size },
    layers: [{ mediaType, digest: layer.digest, size: layer.size, annotations }],
  }
  await store.putManifest(manifestBytes(manifest), mediaTypes.manifest, { tag: legacyTag(subject.digest, kind) })
}

/** The body that Rekor v2 makes of a request to log a hash. */
export function hashedrekord2Of(request: object): object {
  const { hashedRekordRequestV002 } = request as {
    hashedRekordRequestV002: { digest: string; signature: { content: string; verifier: object } }
  }
  const { digest, signature } = hashedRekordRequestV002
  const hashedRekordV002 = { data: { algorithm: 'SHA2_256', digest }, signature }
  return { apiVersion: '0.0.2', kind: 'hashedrekord', spec: { hashedRekordV002 } }
}
