import { InputError, TransportError, VerificationError } from '../base/errors.ts'
import { isPrivateUrl } from '../base/loopback.ts'
import { isObject, parseJson } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { collect } from '../base/streams.ts'
import type { Jwks } from '../journal/token.ts'
import type { ResolvedJob } from './policy/load.ts'

/**
 * Keys of an issuer: the pinned ones, or what `jwks-uri` of the policy gives. A token's own header is never asked where keys are.
 *
 * @throws TransportError when the address does not answer, VerificationError `token-invalid` for another document
 */
export async function issuerKeys(job: ResolvedJob, ports: Ports): Promise<Jwks> {
  if (job.jwks !== null) return job.jwks
  const uri = job['jwks-uri'] ?? ''
  if (!isPrivateUrl(uri)) {
    throw new InputError('input-invalid', `${uri} is not https`, {
      subject: 'jwks-uri',
      remedy: 'Use https, or pin the keys with jwks.',
    })
  }
  const response = await ports.http.request(uri, { redirect: 'manual', timeoutMs: 30_000 })
  if (response.status !== 200 || response.body === null) {
    throw new TransportError('oidc-error', `${uri} answered ${response.status}`, {
      subject: uri,
      remedy: 'Try again, or pin the keys with jwks.',
    })
  }
  const value = parseJson((await collect(response.body, 1 << 20, uri)).toString('utf8'), uri)
  if (!isObject(value) || !Array.isArray(value['keys']) || !value['keys'].every(isObject)) {
    throw new VerificationError('token-invalid', `${uri} is not a JSON Web Key Set`, { subject: uri })
  }
  return { keys: value['keys'] }
}
