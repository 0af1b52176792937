import { SealwrightError, TransportError } from '../base/errors.ts'
import { certificateProblem } from '../base/tls-problem.ts'

const again = 'Check the address and that the service runs; the same command may be tried again.'

/**
 * The error of a request that got no answer. It names the proxy where one stood between, and says whose fault it was as far as that is known.
 *
 * @param timeoutMs time that the request was given
 */
export function failure(url: URL, cause: unknown, timeoutMs: number, proxy: URL | null = null): SealwrightError {
  // A run that was ended, a key that is not the pinned one.
  if (cause instanceof SealwrightError) return cause
  const { host } = url
  const by = proxy === null ? '' : ` through the proxy ${proxy.host}`
  if ((cause as Error | null)?.name === 'TimeoutError') {
    return new TransportError('timeout', `${host} gave no answer within ${timeoutMs / 1000} s${by}`, {
      subject: host,
      cause,
      remedy: again,
    })
  }
  const inner = reasonOf(cause)
  const what = proxy === null || certificateProblem(cause) !== null ? null : ofProxy(cause, url, proxy)
  return new TransportError('unreachable', `${host} cannot be reached${by}: ${what?.reason ?? inner}`, {
    subject: host,
    cause,
    remedy: what?.remedy ?? again,
  })
}

function ofProxy(cause: unknown, url: URL, proxy: URL): { reason: string; remedy: string } {
  const { code, statusCode } = Object(cause) as { code?: unknown; statusCode?: unknown }
  const variable = `${url.protocol === 'https:' ? 'https' : 'http'}_proxy`
  const except = `list ${url.hostname} in no_proxy if it is reached directly`
  if (statusCode === 407)
    return {
      reason: 'the proxy wants a login (407)',
      remedy: `Write the proxy's name and password into ${variable} (http://USER:PASSWORD@${proxy.host}), or ${except}.`,
    }
  if (code === 'ERR_PROXY_TUNNEL')
    return {
      reason: typeof statusCode === 'number' ? `the proxy refuses the tunnel (${statusCode})` : 'the proxy broke off',
      remedy: `Check that the proxy lets ${url.host} through, or ${except}.`,
    }
  // The password in the variable is not repeated.
  return {
    reason: typeof code === 'string' ? code : 'the connection broke',
    remedy: `Check ${variable} and that the proxy ${proxy.host} runs, or ${except}.`,
  }
}

/** What a system error says. One of several addresses that were tried has its words in the list. */
function reasonOf(cause: unknown): string {
  if (typeof cause !== 'object' || cause === null) return String(cause)
  const { message, code, errors } = cause as { message?: unknown; code?: unknown; errors?: unknown }
  const [first] = Array.isArray(errors) ? errors : []
  if (first !== undefined) return reasonOf(first)
  return typeof message === 'string' && message !== '' ? message : String(code ?? cause)
}
