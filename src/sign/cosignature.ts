import { createHash, createPublicKey, verify, type KeyObject } from 'node:crypto'
import { InputError } from '../base/errors.ts'
import { fromBase64 } from '../encoding/base64.ts'
import { isNoteName, noteAlgorithms, type NoteSigner } from './note-signer.ts'
import type { SignedNote } from './signed-note.ts'

const timeBytes = 8
const signatureBytes = 64

/** A witness that a reader pins: it cosigns checkpoints whose history it checked (C2SP tlog-cosignature, Ed25519). */
export interface WitnessKey {
  name: string
  keyId: Buffer
  object: KeyObject
}

/** When a witness saw a checkpoint. */
export interface Cosignature {
  witness: string
  /** By the clock of the witness, in whole seconds. */
  time: Date
}

/** What a witness signs: the version, the time in seconds since 1970, and the note's text. */
function message(seconds: bigint, text: string): Buffer {
  return Buffer.from(`cosignature/v1\ntime ${seconds}\n${text}`)
}

/**
 * Reads the key of a witness: a verifier key `NAME+HASH+BASE64` of the kind 0x04.
 *
 * @throws InputError `file-invalid`
 */
export function parseWitnessKey(text: string, subject = 'witness'): WitnessKey {
  const trimmed = text.trim()
  const refuse = (why: string, cause?: unknown): InputError =>
    new InputError('file-invalid', `${subject}: "${trimmed}" is not a witness key: ${why}`, {
      subject,
      cause,
      remedy: 'Give NAME+HASH+BASE64 as the witness publishes it (C2SP tlog-cosignature, Ed25519).',
    })
  const [, name = '', hash = '', key = ''] = /^([^+]+)\+([0-9a-f]{8})\+(\S+)$/.exec(trimmed) ?? []
  if (!isNoteName(name)) throw refuse('it is not of the form NAME+HASH+BASE64')
  let bytes: Buffer
  try {
    bytes = fromBase64(key, subject)
  } catch (cause) {
    throw refuse('its key is not base64', cause)
  }
  if (bytes.length !== 33 || bytes[0] !== noteAlgorithms.cosignature)
    throw refuse('it does not hold an Ed25519 key for cosignatures (kind 0x04)')
  const keyId = createHash('sha256').update(`${name}\n`).update(bytes).digest().subarray(0, 4)
  if (keyId.toString('hex') !== hash) throw refuse('its hash does not fit its name and key')
  const jwk = { kty: 'OKP', crv: 'Ed25519', x: bytes.subarray(1).toString('base64url') }
  return { name, keyId, object: createPublicKey({ key: jwk, format: 'jwk' }) }
}

/** Cosigns a note at a time. @returns the signature for a line of the note */
export async function cosign(
  note: SignedNote,
  witness: NoteSigner,
  at: Date,
): Promise<SignedNote['signatures'][number]> {
  const seconds = BigInt(Math.floor(at.getTime() / 1000))
  const time = Buffer.alloc(timeBytes)
  time.writeBigUInt64BE(seconds)
  const signature = await witness.sign(message(seconds, note.text))
  return { name: witness.name, keyId: witness.keyId.subarray(0, 4), signature: Buffer.concat([time, signature]) }
}

/** Cosignatures of pinned witnesses that hold, one for each witness at most: its earliest. Others are passed over. */
export function cosignaturesOf(note: SignedNote, witnesses: readonly WitnessKey[]): Cosignature[] {
  return witnesses.flatMap((key) => {
    const times = note.signatures.flatMap(({ name, keyId, signature }) => {
      if (name !== key.name || !keyId.equals(key.keyId)) return []
      const time = cosignedAt(note.text, key.object, signature)
      return time === null ? [] : [time]
    })
    const [earliest] = times.sort((a, b) => a.getTime() - b.getTime())
    return earliest === undefined ? [] : [{ witness: key.name, time: earliest }]
  })
}

function cosignedAt(text: string, key: KeyObject, signature: Buffer): Date | null {
  if (signature.length !== timeBytes + signatureBytes) return null
  const seconds = signature.readBigUInt64BE()
  // Later times have no date in JavaScript, and no witness signs in the year 275760.
  if (seconds > 8_640_000_000_000n) return null
  const good = verify(null, message(seconds, text), key, signature.subarray(timeBytes))
  return good ? new Date(Number(seconds) * 1000) : null
}
