import { TransportError } from '../base/errors.ts'
import { isLoopback } from '../base/loopback.ts'
import { certificateProblem } from '../base/tls-problem.ts'
import type { Ports, TlsOptions } from '../base/ports.ts'
import { certificateFolders, certificatesFor } from './certificates.ts'

const probeMs = 10_000

/** Where a registry's requests go, and how its server is trusted. */
export interface Endpoint {
  /** The origin as far as it is known. */
  base(): URL
  /** Settles what is settled before the first request. */
  ready(): Promise<void>
  /** TLS options for a request: what the host's own folder says. */
  tls(url: URL): Promise<TlsOptions | undefined>
  /** Whether a request that went out in the clear, and got this status or no answer, is to be sent again over TLS. */
  turnsToTls(url: URL, status: number | null): Promise<boolean>
}

/**
 * A registry is spoken to over https. One on loopback is mostly plain, so it is asked in the clear first, unless it has a folder of certificates; one
 * with TLS answers that with status 400 (Go, nginx) or breaks off, and is asked over TLS from then on.
 *
 * @param insecure registries.conf allows plain http and a certificate that nobody vouches for
 */
export function openEndpoint(host: string, insecure: boolean, ports: Ports): Endpoint {
  const name = host === 'docker.io' ? 'registry-1.docker.io' : host
  const secure = new URL(`https://${name}`)
  const plain = new URL(`http://${name}`)
  let base = isLoopback(host) ? plain : secure
  /** A plain answer that is not a 400 settles that a registry on loopback speaks no TLS. */
  let isPlain = false
  let turned: Promise<boolean> | null = null
  let settled: Promise<void> | null = null
  let unverified: TlsOptions | undefined

  const tls = async (url: URL): Promise<TlsOptions | undefined> => {
    if (url.protocol !== 'https:') return undefined
    const own = await certificatesFor(url.host === name ? host : url.host, ports)
    return insecure && url.host === secure.host ? (unverified ??= { ...own, unverified: true }) : own
  }
  const settle = async (): Promise<void> => {
    if (base === plain) {
      if ((await certificatesFor(host, ports)) !== undefined) base = secure
    } else if (insecure) {
      if (!(await speaksTls(secure, await tls(secure), ports))) base = plain
      const how = base === plain ? 'over plain http' : 'without a check of its certificate'
      ports.log.warn(`${host} is spoken to ${how}, because registries.conf says insecure`)
    }
  }
  return {
    base: () => base,
    tls,
    ready: () => (settled ??= settle()),
    turnsToTls: async (url, status) => {
      if (url.origin !== plain.origin || base === secure || !isLoopback(host))
        return base === secure && url.protocol === 'http:'
      if (status !== null && status !== 400) isPlain = true
      if (isPlain) return false
      if (await (turned ??= tls(secure).then((options) => speaksTls(secure, options, ports)))) base = secure
      return base === secure
    },
  }
}

/** @throws TransportError `unreachable` for a certificate that is not accepted */
async function speaksTls(
  origin: URL,
  tls: TlsOptions | undefined,
  ports: Pick<Ports, 'http' | 'env'>,
): Promise<boolean> {
  try {
    const options = { redirect: 'manual', timeoutMs: probeMs, tls } as const
    const response = await ports.http.request(new URL('/v2/', origin).href, options)
    await response.body?.cancel()
    return true
  } catch (error) {
    const told = certificateError(error, origin.host, ports)
    if (told !== null) throw told
    if (!(error instanceof TransportError)) throw error
    return false
  }
}

/** The error for a connection that failed by a certificate, with the way to mend it; null for any other failure. */
export function certificateError(error: unknown, host: string, ports: Pick<Ports, 'env'>): TransportError | null {
  const problem = error instanceof TransportError ? certificateProblem(error) : null
  if (problem === null) return null
  const folders = certificateFolders(host, ports).join(', ')
  const server = problem.whose === 'server'
  return new TransportError(
    'unreachable',
    server
      ? `${host} speaks TLS, but its certificate is not accepted: ${problem.code}`
      : `${host} wants a certificate of the client's, or refuses the one that it got: ${problem.code}`,
    {
      subject: host,
      cause: error,
      remedy: server
        ? `Put its authority (PEM) as ca.crt into one of ${folders}, or name it in NODE_EXTRA_CA_CERTS, and check that the certificate names this host and is not expired.`
        : `Put the certificate and its key (PEM) as client.cert and client.key into one of ${folders}.`,
    },
  )
}
