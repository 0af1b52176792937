import { TransportError } from '../../base/errors.ts'
import type { HttpResponse, Ports } from '../../base/ports.ts'
import { requestPatiently } from '../../base/retry.ts'
import { collect } from '../../base/streams.ts'
import { readProtoJson, type ProtoMessage } from '../../encoding/proto-json.ts'

const timeoutMs = 45_000
const patience = { attempts: 4, mostMs: 30_000 } as const
const answerBytes = 1 << 20

/**
 * Posts one JSON document to a service of Sigstore and reads its answer. Redirects are not followed: the token is for this service alone. A busy
 * service is asked again.
 *
 * @throws TransportError `sigstore-error` with what the service said
 */
export async function postJson(url: URL, document: object, ports: Ports): Promise<ProtoMessage> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' }
  const request = { method: 'POST', headers, body: JSON.stringify(document), redirect: 'manual', timeoutMs } as const
  const response = await requestPatiently(url.href, request, patience, ports)
  const { status } = response
  const body = await bodyOf(response, url)
  if (status === 200 || status === 201) return readProtoJson(body, `the answer of ${url.host}`)
  throw wrongAnswer(url, status, body)
}

async function bodyOf({ body }: HttpResponse, url: URL): Promise<Buffer> {
  return body === null ? Buffer.alloc(0) : collect(body, answerBytes, `the answer of ${url.host}`)
}

function wrongAnswer({ host, pathname }: URL, status: number, body: Buffer): TransportError {
  const said = body.toString('utf8').slice(0, 500)
  return new TransportError('sigstore-error', `${host} answered ${status} to ${pathname}: ${said}`, {
    subject: host,
    remedy: 'Check the signing configuration and the identity token, then try again.',
  })
}
