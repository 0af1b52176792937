import { isObject, type JsonObject } from '../base/json.ts'
import type { Clock } from '../base/ports.ts'
import { checkEar } from '../kbs/ear.ts'
import { version } from '../base/version.ts'
import { failure } from './failure.ts'
import type { ServerKeys } from './keys.ts'
import { teePubkey } from './tee-pubkey.ts'

/** Life of an EAR, in seconds: Trustee's default. */
const lifetime = 300

/** Signs an EAR over the submodules, with our key in the header as Trustee writes it. */
export async function signEar(submods: JsonObject, keys: ServerKeys, clock: Clock): Promise<string> {
  const { SignJWT } = await import('jose')
  const now = Math.floor(clock.now().getTime() / 1000)
  return new SignJWT({
    eat_profile: 'tag:github.com,2024:confidential-containers/Trustee',
    iss: 'CoCo-Attestation-Service',
    iat: now,
    exp: now + lifetime,
    'ear.verifier-id': { developer: 'https://sealwright.dev', build: `embedded ${version}` },
    submods,
  })
    .setProtectedHeader({ typ: 'JWT', alg: 'ES256', jwk: publicJwk(keys) as never })
    .sign(keys.ear)
}

/** Our key, as the JWKS door and token headers show it. */
export function publicJwk(keys: ServerKeys): JsonObject {
  const { kty, crv, x, y } = keys.earPublic.export({ format: 'jwk' })
  return { alg: 'ES256', kty: kty ?? '', crv: crv ?? '', x: x ?? '', y: y ?? '' }
}

/** Claims of an EAR that we signed ourselves, and the key that its holder reads with. Keys in the token's header count for nothing. @throws Failure */
export function readEar(
  token: string,
  keys: ServerKeys,
  clock: Clock,
): { claims: JsonObject; teeKey: JsonObject | null } {
  try {
    const { claims, evidence } = checkEar(token, { keys: [keys.earPublic] }, clock.now())
    const runtime = evidence['runtime_data_claims']
    return { claims, teeKey: teePubkey(isObject(runtime) ? runtime['tee-pubkey'] : undefined) }
  } catch {
    throw failure('TokenVerifierError', 'Token Verifier error')
  }
}
