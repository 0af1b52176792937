import { generateKeyPairSync } from 'node:crypto'
import type { JsonObject } from '../../base/json.ts'

/** What a made-up token says of a machine that does not exist. */
export interface Made {
  /** TEE name under which the claims stand, `snp` or `sample`. */
  readonly tee: string
  readonly status: 'affirming' | 'contraindicated'
}

/**
 * An EAR in Trustee's form, signed by a key that was made a moment ago and stands in the token's own header. A KBS that takes it takes any
 * (coco.md §12, "trust in tokens").
 *
 * @param now whole seconds since 1970
 */
export async function forgedEar({ tee, status }: Made, now: number): Promise<string> {
  const { SignJWT } = await import('jose')
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x, y } = publicKey.export({ format: 'jwk' })
  const key = { kty: 'EC', crv: 'P-256', x: String(x), y: String(y) }
  const grade = status === 'affirming' ? { configuration: 2, executables: 3, hardware: 2 } : { hardware: 97 }
  const claims: JsonObject = {
    eat_profile: 'tag:github.com,2024:confidential-containers/Trustee',
    'ear.verifier-id': { developer: 'https://sealwright.dev', build: 'kbs doctor' },
    submods: {
      cpu0: {
        'ear.status': status,
        'ear.trustworthiness-vector': grade,
        'ear.appraisal-policy-id': 'default',
        'ear.veraison.annotated-evidence': {
          [tee]: { measurement: '0'.repeat(96) },
          report_data: '',
          runtime_data_claims: { nonce: '', 'tee-pubkey': { ...key, alg: 'ECDH-ES+A256KW' } },
        },
      },
    },
  }
  return new SignJWT(claims)
    .setProtectedHeader({ typ: 'JWT', alg: 'ES256', jwk: { ...key, alg: 'ES256' } })
    .setIssuer('CoCo-Attestation-Service')
    .setIssuedAt(now)
    .setExpirationTime(now + 300)
    .sign(privateKey)
}
