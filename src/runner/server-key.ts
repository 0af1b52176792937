import { createHash, X509Certificate } from 'node:crypto'
import { Agent as HttpsAgent, request as httpsRequest, type RequestOptions } from 'node:https'
import { checkServerIdentity, getCACertificates, type DetailedPeerCertificate, type PeerCertificate } from 'node:tls'
import { VerificationError } from '../base/errors.ts'
import { byProxy } from './proxy.ts'

/**
 * Options of a request that goes only to a server with one key. The check belongs to the handshake, so that no byte of the request leaves
 * before; the connection and its TLS session are new, because Node does not check the certificate of a session that it resumes.
 *
 * @param key `sha256:` and hex, as {@link keyOf} gives it
 */
export function pinned(url: URL, proxy: URL | null, key: string): RequestOptions {
  if (url.protocol !== 'https:') throw otherKey(url.host, key, 'none: the connection is not https')
  return {
    ...freshConnection(proxy),
    checkServerIdentity: (host, certificate) => {
      const wrong = checkServerIdentity(host, certificate)
      if (wrong !== undefined) return wrong
      const found = keyOf(certificate.raw)
      return found === key ? undefined : otherKey(url.host, key, found)
    },
  }
}

/**
 * Certificates of an https server, by a handshake alone: no request is sent.
 *
 * @param options `ca`: authorities (PEM) beside the usual ones
 * @throws the error of a connection or certificate that is not in order
 */
export function readServerChain(
  url: URL,
  { proxy, signal, ca }: { proxy: URL | null; signal: AbortSignal; ca?: readonly string[] | undefined },
): Promise<Buffer[]> {
  return new Promise((resolve, reject) => {
    const request = httpsRequest(url, {
      ...freshConnection(proxy, ca),
      signal,
      checkServerIdentity: (host, certificate) => {
        const wrong = checkServerIdentity(host, certificate)
        if (wrong !== undefined) return wrong
        resolve(chainOf(certificate))
        // An error is the only way to end here, before the request goes out.
        return new Error('the key is known')
      },
    })
    request.on('error', (error) => reject(signal.aborted && signal.reason instanceof Error ? signal.reason : error))
    request.end()
  })
}

function chainOf(own: PeerCertificate): Buffer[] {
  const chain: Buffer[] = []
  let one: Partial<DetailedPeerCertificate> = own
  while (one.raw !== undefined && !chain.some((known) => one.raw?.equals(known) === true)) {
    chain.push(one.raw)
    one = one.issuerCertificate ?? {}
  }
  return chain
}

function freshConnection(proxy: URL | null, ca: readonly string[] = []): RequestOptions {
  // Also where a variable of Node switches the check of certificates off.
  const own = ca.length === 0 ? {} : { ca: [...getCACertificates('default'), ...ca] }
  const options = { keepAlive: false, maxCachedSessions: 0, rejectUnauthorized: true, ...own }
  return { agent: new HttpsAgent(proxy === null ? options : { ...options, ...byProxy(proxy) }) }
}

/** Form of a server's key, from its certificate. */
export function keyOf(der: Buffer): string {
  const spki = new X509Certificate(der).publicKey.export({ type: 'spki', format: 'der' })
  return `sha256:${createHash('sha256').update(spki).digest('hex')}`
}

function otherKey(host: string, wanted: string, found: string): VerificationError {
  return new VerificationError('key-mismatch', `${host} must show the server key ${wanted}, but shows ${found}`, {
    subject: host,
    remedy: 'Find out whether the certificate was renewed with another key, or whether another server answers.',
  })
}
