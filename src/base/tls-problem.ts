import { TransportError } from './errors.ts'

/** Codes of Node.js for a server that speaks TLS and shows a certificate that is not accepted. */
const server =
  /^(?:(?:DEPTH_ZERO_)?SELF_SIGNED_CERT(?:_IN_CHAIN)?|UNABLE_TO_(?:VERIFY_LEAF_SIGNATURE|GET_ISSUER_CERT(?:_LOCALLY)?)|CERT_[A-Z_]+|ERR_TLS_CERT_ALTNAME_INVALID)$/
/** Alerts of TLS by which a server refuses our certificate, or wants one. */
const client = /^ERR_SSL_[A-Z0-9_/]+_ALERT_(?:CERTIFICATE|BAD_CERTIFICATE|UNKNOWN_CA|UNSUPPORTED_CERT)/

/**
 * Whether a connection failed by a certificate: the server's, which is not accepted here, or ours, which the server wants or refuses.
 *
 * @returns null for any other failure
 */
export function certificateProblem(error: unknown): { whose: 'server' | 'client'; code: string } | null {
  const code = causeCode(error)
  if (code === null) return null
  return server.test(code) ? { whose: 'server', code } : client.test(code) ? { whose: 'client', code } : null
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
