import { createHash, createPublicKey, type KeyObject } from 'node:crypto'
import { InputError } from '../base/errors.ts'
import { loadSigner } from './keys.ts'
import type { NoteKey } from './signed-note.ts'

/** Kinds of signatures in notes by an Ed25519 key (C2SP signed-note, tlog-cosignature): over the text, or over a time and the text. */
export const noteAlgorithms = { ed25519: 1, cosignature: 4 } as const
export type NoteAlgorithm = keyof typeof noteAlgorithms

/** A key that signs notes under a name. */
export interface NoteSigner {
  name: string
  /** All 32 bytes of the key id; signature lines carry the first 4, Sigstore's trusted roots all of them. */
  keyId: Buffer
  /** Verifier key, `NAME+HASH+BASE64`, as readers pin it. */
  vkey: string
  publicKeyPem: string
  /** Signs bytes with Ed25519: 64 bytes. */
  sign(bytes: Uint8Array): Promise<Buffer>
}

/** Names in signature lines: no spaces and no plus sign (C2SP signed-note), and nothing that a terminal would not show. */
export function isNoteName(name: string): boolean {
  return /^[^\s+\p{C}]{1,255}$/u.test(name)
}

/** The 32 bytes of an Ed25519 public key, or null for another key. */
export function rawEd25519(key: KeyObject): Buffer | null {
  const { x } = key.asymmetricKeyType === 'ed25519' ? key.export({ format: 'jwk' }) : {}
  return x === undefined ? null : Buffer.from(x, 'base64url')
}

/** Key id of a name with an Ed25519 key, 32 bytes: SHA-256 of name, newline, algorithm byte and key. */
export function noteKeyId(name: string, raw: Uint8Array, algorithm: NoteAlgorithm = 'ed25519'): Buffer {
  return createHash('sha256').update(`${name}\n`).update(Buffer.of(noteAlgorithms[algorithm])).update(raw).digest()
}

/** Verifier key of a name with an Ed25519 key, as `NAME+HASH+BASE64`. */
export function formatVkey(name: string, raw: Uint8Array, algorithm: NoteAlgorithm = 'ed25519'): string {
  const hash = noteKeyId(name, raw, algorithm).toString('hex', 0, 4)
  return `${name}+${hash}+${Buffer.concat([Buffer.of(noteAlgorithms[algorithm]), raw]).toString('base64')}`
}

/** The key of a note that a name signs with an Ed25519 key. @throws InputError `file-invalid` for another kind of key */
export function noteKeyFor(name: string, object: KeyObject, subject = 'log key'): NoteKey {
  const raw = rawEd25519(object)
  if (raw === null) throw notEd25519(subject)
  return { name, keyId: noteKeyId(name, raw).subarray(0, 4), object }
}

/**
 * Opens a private Ed25519 key that signs notes.
 *
 * @param pem PKCS#8, plain or encrypted
 * @throws InputError `file-invalid`, `input-missing`, `input-invalid` (the name)
 */
export async function loadNoteSigner(
  name: string,
  pem: string,
  password: string | null,
  algorithm: NoteAlgorithm = 'ed25519',
): Promise<NoteSigner> {
  if (!isNoteName(name)) {
    throw new InputError('input-invalid', `"${name}" is not a valid name for a key of signed notes`, {
      subject: name,
      remedy: 'Use a host name such as log.example.internal, without spaces and plus signs.',
    })
  }
  const { publicKeyPem, sign } = await loadSigner(pem, password)
  const raw = rawEd25519(createPublicKey(publicKeyPem))
  if (raw === null) throw notEd25519('key')
  return {
    name,
    keyId: noteKeyId(name, raw, algorithm),
    vkey: formatVkey(name, raw, algorithm),
    publicKeyPem,
    sign,
  }
}

/** One signature line of a note. @param keyId its first 4 bytes are written */
export function signatureLine(name: string, keyId: Uint8Array, signature: Uint8Array): string {
  return `\u2014 ${name} ${Buffer.concat([keyId.subarray(0, 4), signature]).toString('base64')}\n`
}

/** Signs a note's text, which must end with a newline. */
export async function signNote(text: string, signer: NoteSigner): Promise<Buffer> {
  const line = signatureLine(signer.name, signer.keyId, await signer.sign(Buffer.from(text)))
  return Buffer.from(`${text}\n${line}`)
}

function notEd25519(subject: string): InputError {
  return new InputError('file-invalid', `${subject}: notes are signed with Ed25519, and this is another kind of key`, {
    subject,
    remedy: 'Make one: openssl genpkey -algorithm ed25519 -out log.pem',
  })
}
