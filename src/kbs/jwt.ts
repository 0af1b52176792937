import { VerificationError } from '../base/errors.ts'
import { isObject, nestsDeeper, parseJson, type JsonObject } from '../base/json.ts'
import { fromBase64 } from '../encoding/base64.ts'

const limits = { bytes: 1 << 20, levels: 256 } as const

/** A signed token taken apart; nothing of it is checked yet. */
export interface Jwt {
  readonly header: JsonObject
  readonly claims: JsonObject
  /** The bytes that the signature covers. */
  readonly signed: Buffer
  readonly signature: Buffer
}

/**
 * Takes a compact JWS apart (RFC 7515 §3.1).
 *
 * @param subject how errors name the token
 * @throws VerificationError `token-invalid`, `format-invalid`
 */
export function readJwt(token: string, subject: string): Jwt {
  const [head, body, signature, ...more] = token.split('.')
  if (!head || !body || !signature || more.length > 0)
    throw refused(subject, 'it is no JWT, or one without a signature')
  if (token.length > limits.bytes) throw refused(subject, `it has more than ${limits.bytes} bytes`)
  return {
    header: part(head, 'header', subject),
    claims: part(body, 'claims', subject),
    signed: Buffer.from(`${head}.${body}`),
    signature: fromBase64(signature, `${subject} signature`, 'base64url'),
  }
}

function part(text: string, what: string, subject: string): JsonObject {
  const bytes = fromBase64(text, `${subject} ${what}`, 'base64url')
  if (nestsDeeper(bytes, limits.levels)) throw refused(subject, `its ${what} nests deeper than ${limits.levels} levels`)
  const value = parseJson(bytes.toString('utf8'), `${subject} ${what}`)
  if (!isObject(value)) throw refused(subject, `its ${what} is no object`)
  return value
}

function refused(subject: string, why: string): VerificationError {
  return new VerificationError('token-invalid', `the ${subject} is refused: ${why}`, {
    subject,
    remedy: 'Give the token as its verifier wrote it: three parts with dots between them.',
  })
}
