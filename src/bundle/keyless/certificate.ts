import { generateKeyPairSync, sign, type KeyObject } from 'node:crypto'
import { InputError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { readPem } from '../../encoding/pem.ts'
import { parseCertificate, type Certificate } from '../../encoding/x509/certificate.ts'
import { postJson } from './post.ts'

/** A key in this process, with its certificate. */
export interface KeylessKey {
  privateKey: KeyObject
  certificate: Certificate
  /** {@link TokenSubject.issuers} of its token. */
  issuers: TokenSubject['issuers']
}

/** What of an identity token says whom it speaks for; nothing of it is verified here, the authority does that. */
export interface TokenSubject {
  /** The issuer of the token; and the provider behind it, which a certificate names where the issuer (Dex) only passes identities on. */
  issuers: readonly [string, ...string[]]
  subject: string
  /** Null where the token does not say it. */
  expires: Date | null
}

/** @throws InputError `input-invalid` for a text that is not a JWT with issuer and subject */
export function readTokenSubject(token: string): TokenSubject {
  const refuse = (why: string, cause?: unknown): InputError =>
    new InputError('input-invalid', `the identity token ${why}`, {
      subject: 'identity-token',
      cause,
      remedy: 'Give a token of the OIDC issuer with the audience of the authority (sigstore).',
    })
  const [, payload, , more] = token.split('.')
  if (payload === undefined || more !== undefined) throw refuse('is not a JWT')
  let claims
  try {
    claims = parseJson(Buffer.from(payload, 'base64url').toString('utf8'), 'the identity token')
  } catch (cause) {
    throw refuse('is not a JWT', cause)
  }
  if (!isObject(claims)) throw refuse('is not a JWT')
  const { iss, sub, email, exp, federated_claims: federated } = claims
  // Fulcio has mail addresses prove themselves by the address, everything else by its subject.
  const subject = typeof email === 'string' && claims['email_verified'] === true ? email : sub
  if (typeof iss !== 'string' || typeof subject !== 'string') throw refuse('names no issuer and subject')
  const provider = isObject(federated) ? federated['connector_id'] : undefined
  const issuers: TokenSubject['issuers'] = typeof provider === 'string' ? [iss, provider] : [iss]
  return { issuers, subject, expires: typeof exp === 'number' ? new Date(exp * 1000) : null }
}

/**
 * Makes a P-256 key and gets a certificate for it from Fulcio (API v2). The key proves itself by signing the token's subject. The private half never
 * leaves this process.
 *
 * @param token of the OIDC issuer; a secret
 * @throws TransportError `sigstore-error`; VerificationError `certificate-invalid` for a certificate of another key; InputError for a token that is none
 */
export async function requestCertificate(authority: URL, token: string, ports: Ports): Promise<KeylessKey> {
  ports.log.mask(token)
  const { issuers, subject, expires } = readTokenSubject(token)
  if (expires !== null && expires < ports.clock.now())
    throw new InputError('input-invalid', `the identity token expired at ${expires.toISOString()}`, {
      subject: 'identity-token',
      remedy:
        'Give a new token. A long run may need a second one: leave `identity-token` out where the job has a token endpoint.',
    })
  const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const answer = await postJson(
    new URL('api/v2/signingCert', withSlash(authority)),
    {
      credentials: { oidcIdentityToken: token },
      publicKeyRequest: {
        publicKey: { algorithm: 'ECDSA', content: publicKey.export({ format: 'pem', type: 'spki' }).toString() },
        proofOfPossession: sign('sha256', Buffer.from(subject), privateKey).toString('base64'),
      },
    },
    ports,
  )
  if (!answer.has('signedCertificateEmbeddedSct'))
    throw answer.refuse('has no certificate with an embedded certificate timestamp')
  const chain = answer.message('signedCertificateEmbeddedSct').message('chain').value('certificates')
  const [pem] = Array.isArray(chain) ? chain : []
  if (typeof pem !== 'string') throw answer.refuse('has no certificate')
  const [block] = readPem(pem, 'the new certificate')
  const certificate = parseCertificate(block?.bytes ?? Buffer.alloc(0), 'the new certificate', 'signer')
  if (!certificate.key.equals(publicKey))
    throw new VerificationError('certificate-invalid', 'the new certificate is for another key', {
      subject: authority.host,
    })
  return { privateKey, certificate, issuers }
}

function withSlash(url: URL): string {
  return url.href.endsWith('/') ? url.href : `${url.href}/`
}
