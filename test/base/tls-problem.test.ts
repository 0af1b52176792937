import { TransportError } from '../../src/base/errors.ts'
import { certificateProblem } from '../../src/base/tls-problem.ts'

test.each([
  ['DEPTH_ZERO_SELF_SIGNED_CERT', 'server'],
  ['SELF_SIGNED_CERT_IN_CHAIN', 'server'],
  ['UNABLE_TO_VERIFY_LEAF_SIGNATURE', 'server'],
  ['CERT_HAS_EXPIRED', 'server'],
  ['ERR_TLS_CERT_ALTNAME_INVALID', 'server'],
  ['ERR_SSL_TLSV13_ALERT_CERTIFICATE_REQUIRED', 'client'],
  ['ERR_SSL_SSL/TLS_ALERT_BAD_CERTIFICATE', 'client'],
  ['ERR_SSL_TLSV1_ALERT_UNKNOWN_CA', 'client'],
  ['ERR_SSL_TLSV1_ALERT_PROTOCOL_VERSION', undefined],
  ['ERR_SSL_WRONG_VERSION_NUMBER', undefined],
  ['ECONNRESET', undefined],
])('%s is a problem with the certificate of: %s', (code, whose) => {
  const cause = Object.assign(new Error('x'), { code })
  for (const error of [cause, new TransportError('unreachable', 'x', { cause: new Error('fetch failed', { cause }) })])
    expect(certificateProblem(error)?.whose).toBe(whose)
})

test('an error without a cause, and one that is its own cause', () => {
  const circle: { cause?: unknown } = {}
  circle.cause = circle
  for (const error of [null, 'x', new TransportError('unreachable', 'x'), circle])
    expect(certificateProblem(error)).toBeNull()
})
