import { VerificationError } from '../base/errors.ts'
import { isObject, memberAt, type JsonObject, type JsonValue } from '../base/json.ts'
import { jcs } from '../encoding/jcs.ts'
import { checkEar, type EarTrust } from './ear.ts'
import { readJwt } from './jwt.ts'

/** Seconds that two clocks may differ. */
const skew = 60

/** Where the tokens that a KBS takes hold what was hashed into the evidence (coco.md §1.6: EAR, three of Intel Trust Authority, a plain token). */
const places = [
  ['submods', 'cpu0', 'ear.veraison.annotated-evidence', 'runtime_data_claims'],
  ['tdx', 'attester_runtime_data'],
  ['tdx', 'attester_user_data'],
  ['customized_claims', 'runtime_data'],
  [],
]

/** What the token of a session must be about. */
export interface SessionExpectation {
  readonly nonce: string
  readonly teePubkey: JsonObject
  /** Pinned signers; null believes the KBS that handed the token out, which is also the one that judges it. */
  readonly trust: EarTrust | null
  readonly at: Date
}

export interface SessionToken {
  readonly claims: JsonObject
  /** Seconds since 1970. */
  readonly exp: number
}

/**
 * Checks the token of a KBS session before it is used: made for our key and our nonce, not expired, and signed by a pinned signer where one is
 * given. A KBS encrypts each resource for the key in this token, so another key would make every answer unreadable, or readable for somebody else.
 *
 * @throws VerificationError `token-invalid`, `token-expired`, `binding-mismatch`
 */
export function checkSessionToken(token: string, { nonce, teePubkey, trust, at }: SessionExpectation): SessionToken {
  const { claims, header } = readJwt(token, 'EAR')
  if (trust !== null) checkEar(token, trust, at)
  if (typeof header['alg'] !== 'string' || /^(none|HS\d+)$/i.test(header['alg']))
    throw invalid(`it is signed with ${JSON.stringify(header['alg'] ?? null)}`)
  const { exp } = claims
  if (typeof exp !== 'number') throw invalid('it has no exp')
  // That it is new is what the nonce proves; a KBS whose clock is ahead harms nobody.
  if (at.getTime() / 1000 >= exp + skew) {
    throw new VerificationError('token-expired', `the EAR of the KBS expired at ${iso(exp)}`, {
      subject: 'EAR',
      remedy: 'Compare the clocks of this machine and of the KBS, and attest again.',
    })
  }
  const runtime = places.map((path) => memberAt(claims, path)).find((one) => isObject(one) && 'tee-pubkey' in one)
  if (!isObject(runtime)) throw invalid('it names no key that resources would be encrypted for')
  if (!same(runtime['tee-pubkey'], teePubkey)) throw mismatch('another key than ours')
  if (runtime['nonce'] !== nonce) throw mismatch('another nonce than that of this session')
  return { claims, exp }
}

function same(a: JsonValue | undefined, b: JsonObject): boolean {
  return isObject(a) && jcs(a).equals(jcs(b))
}

function iso(seconds: number): string {
  const date = new Date(seconds * 1000)
  return Number.isNaN(date.getTime()) ? String(seconds) : date.toISOString()
}

function invalid(why: string): VerificationError {
  return new VerificationError('token-invalid', `the EAR of the KBS is refused: ${why}`, {
    subject: 'EAR',
    remedy: 'See which Attestation Service the KBS uses.',
  })
}

function mismatch(what: string): VerificationError {
  return new VerificationError('binding-mismatch', `the EAR of the KBS is about ${what}`, {
    subject: 'EAR',
    remedy: 'Check the address: the token was made for another session, or this server repeats what it heard.',
  })
}
