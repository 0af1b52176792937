import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'
import { InputError, VerificationError } from '../base/errors.ts'
import { fromBase64 } from '../encoding/base64.ts'
import { loadPublicKey } from './public-key.ts'

const limits = { bytes: 1 << 16, signatures: 100 } as const

/** A note with its signature lines, none of them believed yet (C2SP signed-note). */
export interface SignedNote {
  /** What is signed: lines up to and with the last newline before the blank line. */
  text: string
  signatures: { name: string; keyId: Buffer; signature: Buffer }[]
}

/** A key that a reader pins for notes. */
export interface NoteKey {
  /** Name in the signature line; null for a plain public key, which takes any name. */
  name: string | null
  keyId: Buffer
  object: KeyObject
}

/** Reads a signed note. @throws VerificationError `format-invalid` */
export function parseSignedNote(bytes: Uint8Array, subject: string): SignedNote {
  const refuse = (why: string): VerificationError =>
    new VerificationError('format-invalid', `${subject}: the signed note ${why}`, { subject })
  if (bytes.length > limits.bytes) throw refuse(`has more than ${limits.bytes} bytes`)
  let whole: string
  try {
    whole = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch {
    throw refuse('is not UTF-8')
  }
  // oxlint-disable-next-line no-control-regex -- a note holds no control characters but newlines
  if (/[\u0000-\u0009\u000b-\u001f\ufffd]/.test(whole)) throw refuse('holds control characters')
  const split = whole.lastIndexOf('\n\n')
  if (split < 0 || !whole.endsWith('\n')) throw refuse('has no blank line before its signatures')
  const lines = whole.slice(split + 2, -1).split('\n')
  if (lines.length > limits.signatures) throw refuse(`has more than ${limits.signatures} signatures`)
  const signatures = lines.map((line) => {
    const [, name, blob] = /^\u2014 (\S+) (\S+)$/.exec(line) ?? []
    if (name === undefined || blob === undefined || name.includes('+')) throw refuse('has a line that is no signature')
    const value = fromBase64(blob, 'note signature')
    if (value.length < 5) throw refuse('has a signature without bytes')
    return { name, keyId: value.subarray(0, 4), signature: value.subarray(4) }
  })
  return { text: whole.slice(0, split + 1), signatures }
}

/**
 * Reads a key for notes: a verifier key `name+hash+base64` (Ed25519), or a public key as PEM (P-256 or Ed25519), whose id is the hash of its SPKI
 * as Rekor's is.
 *
 * @throws InputError `file-invalid`
 */
export function parseNoteKey(text: string, subject: string): NoteKey {
  const trimmed = text.trim()
  try {
    if (trimmed.startsWith('-----BEGIN')) {
      const { object } = loadPublicKey(`${trimmed}\n`, subject)
      const kind = object.asymmetricKeyDetails?.namedCurve ?? object.asymmetricKeyType
      if (kind !== 'prime256v1' && kind !== 'ed25519') throw new Error(`it is a key of ${kind}`)
      const der = object.export({ format: 'der', type: 'spki' })
      return { name: null, keyId: createHash('sha256').update(der).digest().subarray(0, 4), object }
    }
    const [, name, hash, key] = /^([^+\s]+)\+([0-9a-f]{8})\+(\S+)$/.exec(trimmed) ?? []
    const bytes = fromBase64(key ?? '', 'verifier key')
    if (name === undefined || hash === undefined || bytes.length !== 33 || bytes[0] !== 1)
      throw new Error('it is no verifier key of Ed25519')
    const keyId = createHash('sha256').update(`${name}\n`).update(bytes).digest().subarray(0, 4)
    if (keyId.toString('hex') !== hash) throw new Error('its hash does not fit its name and key')
    const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(1).toString('base64url') }
    return { name, keyId, object: createPublicKey({ key: jwk, format: 'jwk' }) }
  } catch (cause) {
    throw new InputError(
      'file-invalid',
      `${subject} is no key for signed notes: ${cause instanceof Error ? cause.message : ''}`,
      {
        subject,
        cause,
        remedy: 'Give NAME+HASH+BASE64 as the log publishes it, or a PEM public key (P-256, Ed25519).',
      },
    )
  }
}

/** Checks that a pinned key signed the note. @throws VerificationError `signature-invalid` */
export function verifySignedNote(note: SignedNote, key: NoteKey, subject: string): void {
  const data = Buffer.from(note.text)
  const ed25519 = key.object.asymmetricKeyType === 'ed25519'
  const good = note.signatures.some(
    ({ name, keyId, signature }) =>
      (key.name === null || key.name === name) &&
      keyId.equals(key.keyId) &&
      verify(ed25519 ? null : 'sha256', data, key.object, signature),
  )
  if (good) return
  throw new VerificationError('signature-invalid', `${subject}: the note is not signed by the key that is pinned`, {
    subject,
    remedy: 'Check the address of the log and its key.',
  })
}
