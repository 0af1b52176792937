import { VerificationError } from '../../base/errors.ts'
import { table } from '../../base/table.ts'
import { fromBase64 } from '../../encoding/base64.ts'
import { readPem } from '../../encoding/pem.ts'
import { readProtoJson, type ProtoMessage } from '../../encoding/proto-json.ts'

/** Hash functions by the name that entries give them. */
export type HashName = 'sha256' | 'sha384' | 'sha512'

/** What a log wrote down: this key or certificate made this signature over this content. */
export interface EntryBody {
  kind: string
  version: string
  /** `artifact`: hash of the signed bytes. `payload`: hash of an envelope's payload. */
  over: { of: 'artifact' | 'payload'; hash: HashName; digest: Buffer }
  signature: Buffer
  /** DER of a certificate, or of a public key (SPKI). */
  verifier: Buffer
}

const hashNames: Readonly<Record<string, HashName>> = table({
  sha256: 'sha256',
  sha384: 'sha384',
  sha512: 'sha512',
  SHA2_256: 'sha256',
  SHA2_384: 'sha384',
  SHA2_512: 'sha512',
})

/**
 * Reads the body of an entry: `hashedrekord` 0.0.1, `dsse` 0.0.1 and `intoto` 0.0.2 of Rekor v1, `hashedrekord` 0.0.2 and `dsse` 0.0.2 of
 * Rekor v2. An entry over several signatures is refused: a bundle has one.
 *
 * @throws VerificationError `format-invalid`, also for other kinds and versions
 */
export function readEntryBody(bytes: Uint8Array): EntryBody {
  const body = readProtoJson(bytes, 'the body of the log entry')
  const kind = body.text('kind')
  const version = body.text('apiVersion')
  const read = readers[`${kind} ${version}`]
  if (read === undefined) {
    throw body.refuse(
      `is of the kind "${kind.slice(0, 32)}" ${version.slice(0, 16)}. Supported: ${Object.keys(readers).join(', ')}.`,
    )
  }
  return { kind, version, ...read(body.message('spec')) }
}

type Content = Omit<EntryBody, 'kind' | 'version'>

const readers: Readonly<Record<string, (spec: ProtoMessage) => Content>> = table({
  'hashedrekord 0.0.1': (spec) => {
    const signature = spec.message('signature')
    return {
      over: { of: 'artifact', ...hexDigest(spec.message('data').message('hash')) },
      signature: signature.bytes('content'),
      verifier: fromPem(signature.message('publicKey').bytes('content')),
    }
  },
  'dsse 0.0.1': (spec) => {
    const signature = onlySignature(spec)
    return {
      over: { of: 'payload', ...hexDigest(spec.message('payloadHash')) },
      signature: signature.bytes('signature'),
      verifier: fromPem(signature.bytes('verifier')),
    }
  },
  'intoto 0.0.2': (spec) => {
    const content = spec.message('content')
    const signature = onlySignature(content.message('envelope'))
    return {
      over: { of: 'payload', ...hexDigest(content.message('payloadHash')) },
      // Rekor encodes the text of the envelope's signature, which is base64 itself.
      signature: fromBase64(signature.bytes('sig').toString('latin1'), 'the signature in the log entry'),
      verifier: fromPem(signature.bytes('publicKey')),
    }
  },
  'hashedrekord 0.0.2': (spec) => {
    const record = spec.message('hashedRekordV002')
    const signature = record.message('signature')
    return {
      over: { of: 'artifact', ...bytesDigest(record.message('data')) },
      signature: signature.bytes('content'),
      verifier: rawVerifier(signature.message('verifier')),
    }
  },
  'dsse 0.0.2': (spec) => {
    const record = spec.message('dsseV002')
    const signature = onlySignature(record)
    return {
      over: { of: 'payload', ...bytesDigest(record.message('payloadHash')) },
      signature: signature.bytes('content'),
      verifier: rawVerifier(signature.message('verifier')),
    }
  },
})

function onlySignature(message: ProtoMessage): ProtoMessage {
  const [signature, second] = message.list('signatures', 16)
  if (signature === undefined || second !== undefined) throw message.refuse('does not have exactly one signature')
  return signature
}

function hexDigest(message: ProtoMessage): { hash: HashName; digest: Buffer } {
  const text = message.text('value')
  const hash = hashOf(message)
  if (!/^[0-9a-f]*$/.test(text)) throw message.refuse('is not lower-case hex')
  return sized(message, hash, Buffer.from(text, 'hex'))
}

function bytesDigest(message: ProtoMessage): { hash: HashName; digest: Buffer } {
  return sized(message, hashOf(message), message.bytes('digest'))
}

function hashOf(message: ProtoMessage): HashName {
  const hash = hashNames[message.text('algorithm')]
  if (hash === undefined) throw message.refuse('is of an unknown algorithm')
  return hash
}

function sized(message: ProtoMessage, hash: HashName, digest: Buffer): { hash: HashName; digest: Buffer } {
  if (digest.length * 8 !== Number(hash.slice(3))) throw message.refuse('has a wrong length')
  return { hash, digest }
}

function rawVerifier(message: ProtoMessage): Buffer {
  return message.message(message.oneOf(['publicKey', 'x509Certificate'])).bytes('rawBytes')
}

function fromPem(text: Buffer): Buffer {
  const what = 'the key in the log entry'
  const [block, second] = readPem(text.toString('latin1'), what)
  if (block === undefined || second !== undefined || !['CERTIFICATE', 'PUBLIC KEY'].includes(block.label)) {
    throw new VerificationError('format-invalid', `${what} is not one PEM block with a key or a certificate`, {
      subject: what,
    })
  }
  return block.bytes
}
