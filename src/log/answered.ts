import { TransportError } from '../base/errors.ts'

/**
 * The error for a log or witness that answered, but not with what was asked for. A server that refuses or fails was reached: `unreachable` would
 * send the reader to the network.
 *
 * @param who "the log", "the witness"
 * @param url of the server, as the reader gave it
 * @param status of HTTP
 * @param said what it says beside, or where it says it
 * @param refused remedy where it does not accept this client (401, 403)
 */
export function answeredBadly(
  who: string,
  url: string,
  status: number,
  said = '',
  refused = `${who.replace(/^the /, 'The ')} does not accept this client: check the address, and ask its operator.`,
): TransportError {
  const denied = status === 401 || status === 403
  const busy = status === 429 || status >= 500
  const remedy = denied ? refused : busy ? 'Try again later.' : `Check the address of ${who}.`
  return new TransportError(
    denied ? 'unauthorized' : 'log-error',
    `${who} ${url} ${denied ? 'refused the request: it ' : ''}answered ${status}${said === '' ? '' : `: ${said}`}`,
    { subject: url, remedy },
  )
}
