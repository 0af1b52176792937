import { createPublicKey, verify } from 'node:crypto'
import type { Http, HttpRequest } from '../../src/base/ports.ts'
import { readTokenSubject } from '../../src/bundle/keyless/certificate.ts'
import { writePem } from '../../src/encoding/pem.ts'
import { makeKey } from '../tee/pki/pki.ts'
import { hashedrekord2Of, tileEntry } from './bundle.ts'
import { makeLeaf, type LeafOptions, type TestSigstore } from './instance.ts'

/** How the services answer wrong; tests may change it between requests. */
export interface ServiceFaults {
  leaf?: LeafOptions
  otherKey?: boolean
  otherEntry?: boolean
  /** Status of the first answers. */
  busy?: number[]
}

/** Addresses of the services, which no network has. */
export const services = { fulcio: 'https://fulcio.test', rekor: 'https://rekor.test' } as const

interface CertificateRequest {
  credentials: { oidcIdentityToken: string }
  publicKeyRequest: { publicKey: { content: string }; proofOfPossession: string }
}

/**
 * Fulcio and Rekor v2 as Sigstore's documentation describes their requests, without a network.
 *
 * @param seen gets each address
 * @param otherwise answers all other addresses
 */
export function sigstoreServices(
  sigstore: TestSigstore,
  faults: ServiceFaults,
  seen: string[],
  otherwise: Http['request'],
): Http['request'] {
  return async (url, options = {}) => {
    if (!Object.values(services).some((address) => url.startsWith(`${address}/`))) return otherwise(url, options)
    seen.push(url)
    const status = faults.busy?.shift()
    if (status !== undefined) return new Response('later', { status, headers: { 'retry-after': '0' } })
    if (url === `${services.fulcio}/api/v2/signingCert`) return certificate(sigstore, faults, bodyOf(options))
    if (url !== `${services.rekor}/api/v2/log/entries`) return new Response('', { status: 404 })
    const entry = hashedrekord2Of(bodyOf(options))
    const body = faults.otherEntry === true ? { ...entry, kind: 'dsse' } : entry
    return Response.json(tileEntry(sigstore.tiles, body), { status: 201 })
  }
}

function bodyOf({ body }: HttpRequest): object {
  return JSON.parse(String(body)) as object
}

function certificate(sigstore: TestSigstore, faults: ServiceFaults, request: object): Response {
  const { credentials, publicKeyRequest } = request as CertificateRequest
  const publicKey = createPublicKey(publicKeyRequest.publicKey.content)
  const proof = Buffer.from(publicKeyRequest.proofOfPossession, 'base64')
  const { subject, issuers } = readTokenSubject(credentials.oidcIdentityToken)
  if (!verify('sha256', Buffer.from(subject), publicKey, proof))
    return new Response('{"message":"no proof of possession"}', { status: 400 })
  const at = Date.now()
  const { der } = makeLeaf(sigstore, {
    key: faults.otherKey === true ? makeKey('P-256') : { publicKey, privateKey: sigstore.intermediateKey.privateKey },
    issuer: issuers[0],
    from: new Date(at - 60_000),
    to: new Date(at + 540_000),
    sctTime: new Date(at),
    ...faults.leaf,
  })
  const certificates = [der, sigstore.intermediate, sigstore.root].map((one) => writePem('CERTIFICATE', one))
  return Response.json({ signedCertificateEmbeddedSct: { chain: { certificates } } })
}
