import { TransportError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'

const timeoutMs = 10_000

/** Codes of Node.js for a server that speaks TLS and shows a certificate that is not accepted. */
const certificateCodes =
  /^(?:(?:DEPTH_ZERO_)?SELF_SIGNED_CERT(?:_IN_CHAIN)?|UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(?:_LOCALLY)?)|CERT_[A-Z_]+|ERR_TLS_CERT_ALTNAME_INVALID)$/

/**
 * The https origin of a registry on loopback, or null where its port does not speak TLS. Registries there are mostly plain; one with TLS answers
 * plain http with status 400 (Go, nginx) or breaks off.
 *
 * @param host `localhost:5000`, with or without port
 * @throws TransportError `unreachable` for a certificate that is not accepted, with the way to have it accepted
 */
export async function tlsOrigin(host: string, ports: Pick<Ports, 'http'>): Promise<URL | null> {
  const origin = new URL(`https://${host}`)
  try {
    const response = await ports.http.request(new URL('/v2/', origin).href, { redirect: 'manual', timeoutMs })
    await response.body?.cancel()
    return origin
  } catch (error) {
    if (!(error instanceof TransportError)) throw error
    const code = causeCode(error)
    if (code === null || !certificateCodes.test(code)) return null
    throw new TransportError('unreachable', `${host} speaks TLS, but its certificate is not accepted: ${code}`, {
      subject: host,
      cause: error,
      remedy:
        'Name its authority (PEM) in NODE_EXTRA_CA_CERTS, and check that the certificate names this host and is not expired.',
    })
  }
}

/** The code of the innermost cause that has one. */
function causeCode(error: unknown): string | null {
  let found: string | null = null
  for (let at: unknown = error, depth = 0; typeof at === 'object' && at !== null && depth < 8; depth++) {
    // `TransportError` has a code of its own, which is not the network's.
    if (!(at instanceof TransportError) && 'code' in at && typeof at.code === 'string') found = at.code
    at = 'cause' in at ? at.cause : null
  }
  return found
}
