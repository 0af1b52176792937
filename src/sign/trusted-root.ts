import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { VerificationError } from '../base/errors.ts'
import type { Window } from '../base/window.ts'
import { readProtoJson, type ProtoMessage } from '../encoding/proto-json.ts'
import { parseCertificate, type Certificate } from '../encoding/x509/certificate.ts'

/** A log whose entries, or whose certificate timestamps, count. */
export interface TrustedLog {
  baseUrl: string
  /** Host and port of `baseUrl`: the name in the log's checkpoints. */
  host: string
  /** All 32 bytes. */
  id: Buffer
  key: KeyObject
  window: Window
}

/** An authority of signers, or of time stamps. */
export interface TrustedAuthority {
  /** URI where there is one, else the name in its certificate. */
  name: string
  /** Below first, root last; at least the root. */
  chain: readonly Certificate[]
  window: Window
}

/** What the verifier of a bundle trusts: Sigstore's `TrustedRoot` message. */
export interface TrustedRoot {
  tlogs: readonly TrustedLog[]
  certificateAuthorities: readonly TrustedAuthority[]
  ctlogs: readonly TrustedLog[]
  timestampAuthorities: readonly TrustedAuthority[]
}

/** SHA-256 of the PEM-free document is what a verdict names; more than this is no trusted root. */
const limits = { bytes: 1 << 20, items: 64, chain: 5 } as const
const mediaType = /^application\/vnd\.dev\.sigstore\.trustedroot(?:\+json;version=0\.[12]|\.v0\.[12]\+json)$/

/** Keys that logs of Sigstore have, by `keyDetails`. */
const keyForms: Readonly<Record<string, { kind: string; curve?: string; form: 'spki' | 'pkcs1' }>> = {
  PKIX_ECDSA_P256_SHA_256: { kind: 'ec', curve: 'prime256v1', form: 'spki' },
  PKIX_ECDSA_P384_SHA_384: { kind: 'ec', curve: 'secp384r1', form: 'spki' },
  PKIX_ED25519: { kind: 'ed25519', form: 'spki' },
  PKIX_RSA_PKCS1V15_2048_SHA256: { kind: 'rsa', form: 'spki' },
  PKIX_RSA_PKCS1V15_3072_SHA256: { kind: 'rsa', form: 'spki' },
  PKIX_RSA_PKCS1V15_4096_SHA256: { kind: 'rsa', form: 'spki' },
  PKCS1_RSA_PKCS1V5: { kind: 'rsa', form: 'pkcs1' },
}

/**
 * Reads a trusted root of version 0.1 or 0.2 (JSON form of Protocol Buffers). Stricter than other readers: every key and authority needs the
 * beginning of its validity, log ids are whole and fit their keys, nothing is there twice, and an unknown kind of key is refused.
 *
 * @throws VerificationError `format-invalid`
 */
export function parseTrustedRoot(bytes: Uint8Array, what = 'the trusted root'): TrustedRoot {
  if (bytes.length > limits.bytes) {
    throw new VerificationError('format-invalid', `${what} has more than ${limits.bytes} bytes`, { subject: what })
  }
  const root = readProtoJson(bytes, what)
  if (!mediaType.test(root.text('mediaType'))) {
    throw root.refuse(`has the media type "${root.text('mediaType').slice(0, 100)}". Versions 0.1 and 0.2 are read.`)
  }
  const logs = (name: string): TrustedLog[] => distinct(root.list(name, limits.items).map(readLog), name, root)
  return {
    tlogs: logs('tlogs'),
    certificateAuthorities: root.list('certificateAuthorities', limits.items).map(readAuthority),
    ctlogs: logs('ctlogs'),
    timestampAuthorities: root.list('timestampAuthorities', limits.items).map(readAuthority),
  }
}

function readLog(log: ProtoMessage): TrustedLog {
  if (log.text('hashAlgorithm') !== 'SHA2_256') throw log.refuse('does not use SHA2_256')
  const baseUrl = log.text('baseUrl')
  const url = URL.parse(baseUrl)
  if (url === null) throw log.refuse('has a baseUrl that is not a URL')
  const publicKey = log.message('publicKey')
  const key = readKey(publicKey)
  const id = log.message('logId').bytes('keyId')
  const ids = idsOf(key, [url.host, url.hostname])
  // A shortened id would name any log whose id begins like it.
  if (!ids.some((known) => known.equals(id)))
    throw log.refuse('has a logId that is not the id of its key: 32 bytes, SHA-256 of the key or of name and key')
  return { baseUrl, host: url.host, id, key, window: readWindow(publicKey) }
}

/** Ids that a key can have: of RFC 6962 §3.2, and for Ed25519 the whole hash of which C2SP's signed notes show four bytes. */
function idsOf(key: KeyObject, names: readonly string[]): Buffer[] {
  const spki = key.export({ format: 'der', type: 'spki' })
  const plain = createHash('sha256').update(spki).digest()
  if (key.asymmetricKeyType !== 'ed25519') return [plain]
  const raw = spki.subarray(-32)
  // Clients take the name of a tiled log from its URL, with or without the port.
  const named = names.map((name) => createHash('sha256').update(`${name}\n`).update(Buffer.of(1)).update(raw).digest())
  return [plain, ...named]
}

function readKey(message: ProtoMessage): KeyObject {
  const details = message.text('keyDetails')
  const form = keyForms[details]
  if (form === undefined) throw message.refuse(`is of the kind "${details.slice(0, 64)}", which is not supported`)
  let key: KeyObject
  try {
    key = createPublicKey({ key: message.bytes('rawBytes'), format: 'der', type: form.form })
  } catch (cause) {
    if (cause instanceof VerificationError) throw cause
    throw message.refuse('is not a public key')
  }
  const { namedCurve, modulusLength } = key.asymmetricKeyDetails ?? {}
  if (key.asymmetricKeyType !== form.kind || (form.curve !== undefined && namedCurve !== form.curve))
    throw message.refuse(`is not a key of the kind ${details}`)
  if (form.kind === 'rsa' && (modulusLength ?? 0) < 2048) throw message.refuse('is an RSA key of less than 2048 bits')
  return key
}

function readAuthority(authority: ProtoMessage): TrustedAuthority {
  const certificates = authority.message('certChain').list('certificates', limits.chain)
  const chain = certificates.map((item) => parseCertificate(item.bytes('rawBytes'), item.what, 'signer'))
  const top = chain.at(-1)
  if (top === undefined) throw authority.refuse('has no certificate')
  return { name: authority.text('uri') || (top.subjectName ?? authority.what), chain, window: readWindow(authority) }
}

/** The beginning is required: without it a key counts for times at which nobody had it yet. */
function readWindow(message: ProtoMessage): Window {
  const validFor = message.message('validFor')
  const notBefore = validFor.time('start')
  if (notBefore === null) throw validFor.refuse('has no start')
  const notAfter = validFor.time('end')
  if (notAfter !== null && notAfter < notBefore) throw validFor.refuse('ends before it starts')
  return { notBefore, notAfter }
}

function distinct(logs: TrustedLog[], name: string, root: ProtoMessage): TrustedLog[] {
  if (new Set(logs.map(({ id }) => id.toString('hex'))).size !== logs.length)
    throw root.refuse(`has two ${name} with one logId`)
  return logs
}
