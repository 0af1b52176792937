import { TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { retriedStatuses, retryWait } from '../../base/retry.ts'
import { collect } from '../../base/streams.ts'
import { readProtoJson, type ProtoMessage } from '../../encoding/proto-json.ts'

const attempts = 4
/** Rekor v2 answers when its next checkpoint is signed, which takes up to 10 s. */
const timeoutMs = 45_000
const longestWaitMs = 30_000
const answerBytes = 1 << 20

/**
 * Posts one JSON document to a service of Sigstore and reads its answer. Redirects are not followed: the token is for this service alone. A busy
 * service is asked again.
 *
 * @param token of the signer; only where the service needs it
 * @throws TransportError `sigstore-error` with what the service said
 */
export async function postJson(url: URL, document: object, ports: Ports, token?: string): Promise<ProtoMessage> {
  const { http, clock, random, log } = ports
  for (let attempt = 1; ; attempt++) {
    const response = await http.request(url.href, {
      method: 'POST',
      headers: {
        'content-type': 'application/json',
        accept: 'application/json',
        ...(token === undefined ? {} : { authorization: `Bearer ${token}` }),
      },
      body: JSON.stringify(document),
      redirect: 'manual',
      timeoutMs,
    })
    const { status, headers } = response
    const body = await bodyOf(response, url)
    if (status === 200 || status === 201) return readProtoJson(body, `the answer of ${url.host}`)
    if (!retriedStatuses.has(status) || attempt === attempts) throw wrongAnswer(url, status, body)
    const waitMs = retryWait({
      retryAfter: headers.get('retry-after'),
      attempt,
      now: clock.now(),
      chance: random(1)[0] ?? 0,
      mostMs: longestWaitMs,
    })
    log.debug(`${url.host} answered ${status}; trying again in ${Math.round(waitMs)} ms`)
    await clock.sleep(waitMs)
  }
}

async function bodyOf({ body }: Response, url: URL): Promise<Buffer> {
  return body === null ? Buffer.alloc(0) : collect(body, answerBytes, `the answer of ${url.host}`)
}

function wrongAnswer({ host, pathname }: URL, status: number, body: Buffer): TransportError {
  const said = body.toString('utf8').slice(0, 500)
  return new TransportError('sigstore-error', `${host} answered ${status} to ${pathname}: ${said}`, {
    subject: host,
    remedy: 'Check the signing configuration and the identity token, then try again.',
  })
}
