import type { KeyObject } from 'node:crypto'
import { InputError, VerificationError } from '../../base/errors.ts'
import type { Label } from '../../encoding/cbor/label-map.ts'
import { coseAlgorithms, keyFault, verifyBytes, type CoseAlgorithm } from './algorithms.ts'
import { headers } from './labels.ts'
import { coseRefusal, headerOf, sigStructure, type Sign1 } from './sign1.ts'

export interface VerifyOptions {
  /** The payload of a detached message. */
  readonly payload?: Uint8Array | undefined
  /** Data outside of the message that the signature covers too. Default: none. */
  readonly externalAad?: Uint8Array | undefined
  /** Whether ES256, ES384 and ES512 take only the curve of their own size. Default: yes. Azure's trust lists need no. */
  readonly bindCurve?: boolean | undefined
  /** Accept an algorithm that stands in the unprotected header only. Default: refused. */
  readonly unprotectedAlgorithm?: boolean | undefined
  /** Critical header parameters that the caller judges itself. */
  readonly understood?: readonly Label[] | undefined
}

/** Critical parameters that every reader of ours acts on. */
const alwaysUnderstood: readonly Label[] = [headers.alg, headers.contentType, headers.kid]

/**
 * Checks the signature of a COSE_Sign1 message (RFC 9052 §4.4), after its algorithm, its critical parameters and the kind of the key.
 *
 * @returns the payload, which alone may be believed together with the protected header
 * @throws VerificationError `signature-invalid`; `format-invalid` for a critical parameter that nobody understands
 * @throws InputError `input-missing` for a detached message without its payload
 */
export function verifySign1(message: Sign1, key: KeyObject, options: VerifyOptions = {}): Buffer {
  const { subject } = message
  checkCritical(message, options.understood ?? [])
  const algorithm = signatureAlgorithm(message, options.unprotectedAlgorithm === true)
  const fault = keyFault(algorithm, key, options.bindCurve !== false)
  if (fault !== null) throw refuse(subject, fault)
  const payload = payloadOf(message, options.payload)
  const bytes = sigStructure(message.protectedBytes, options.externalAad ?? Buffer.alloc(0), payload)
  if (!verifyBytes(algorithm, key, bytes, message.signature)) throw refuse(subject, 'is not signed by this key')
  return payload
}

/** The algorithm that a message names. @throws VerificationError `format-invalid`, `signature-invalid` for one that is not supported */
export function signatureAlgorithm(message: Sign1, unprotectedToo = false): CoseAlgorithm {
  const { subject } = message
  const item = unprotectedToo ? headerOf(message, headers.alg) : message.protected.get(headers.alg)
  if (item === undefined) throw coseRefusal(subject, 'names no algorithm in its protected header')
  const found = item.kind === 'integer' ? coseAlgorithms.find(({ id }) => id === item.value) : undefined
  if (found !== undefined) return found
  const name = item.kind === 'integer' || item.kind === 'text' ? String(item.value) : 'of another type'
  throw refuse(subject, `uses the algorithm ${name}, which is not supported`)
}

/** RFC 9052 §3.1: the list is protected and not empty, and each label stands in the protected header and is understood. */
function checkCritical(message: Sign1, understood: readonly Label[]): void {
  const { subject } = message
  if (message.unprotected.has(headers.crit))
    throw coseRefusal(subject, 'has an unprotected list of critical parameters')
  const critical = message.protected.array(headers.crit)
  if (critical?.length === 0) throw coseRefusal(subject, 'has an empty list of critical parameters')
  for (const item of critical ?? []) {
    if (item.kind !== 'integer' && item.kind !== 'text')
      throw coseRefusal(subject, 'has a critical parameter that is not a label')
    if (!message.protected.has(item.value))
      throw coseRefusal(subject, `names the critical parameter ${item.value}, but does not protect it`)
    if (![...alwaysUnderstood, ...understood].includes(item.value))
      throw coseRefusal(subject, `has the critical parameter ${item.value}, which is not supported`)
  }
}

function payloadOf(message: Sign1, given: Uint8Array | undefined): Buffer {
  const { subject, payload } = message
  if (payload === null && given === undefined)
    throw new InputError('input-missing', `${subject} does not contain its payload`, {
      subject,
      remedy: 'Give the signed content.',
    })
  if (payload !== null && given !== undefined && !payload.equals(given))
    throw refuse(subject, 'contains another payload than the one given')
  return payload ?? Buffer.from(given ?? [])
}

function refuse(subject: string, why: string): VerificationError {
  return new VerificationError('signature-invalid', `${subject}: ${why}`, { subject })
}
