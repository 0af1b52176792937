import { InputError, TransportError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { jcs } from '../encoding/jcs.ts'
import { bytesField, fieldOf } from '../encoding/protobuf.ts'
import type { ServiceAnswer, ServiceRequest } from './passport.ts'
import { httpOf } from './uri.ts'

/** Trustee, `protos/attestation.proto`. */
const method = '/attestation.AttestationService/AttestationEvaluate'
const fields = { requests: 1, policies: 2, tee: 1, evidence: 3, structured: 5, token: 1 } as const
/** Flag and length before a message (gRPC over HTTP/2, "Length-Prefixed-Message"). */
const prefixBytes = 5
const requestMs = 60_000
/** Characters of a foreign message that are repeated. */
const shown = 2000

/** Asks the gRPC interface of an Attestation Service. Status codes other than 0 are an answer: its words say what was wrong. @throws TransportError `kbs-error`, `unreachable`, `timeout` */
export async function evaluate(asUrl: string, request: ServiceRequest, ports: Ports): Promise<ServiceAnswer> {
  const answer = await ports.http.request(httpOf(asUrl) + method, {
    method: 'POST',
    headers: { 'content-type': 'application/grpc', te: 'trailers' },
    body: framed(messageOf(request)),
    http2: true,
    timeoutMs: requestMs,
  })
  const { headers } = answer
  const status = headers.get('grpc-status')
  const isService = answer.status === 200 && /^application\/grpc\b/.test(headers.get('content-type') ?? '')
  if (!isService || status === null || !/^\d{1,2}$/.test(status))
    throw noService(asUrl, `answered ${answer.status} without a status of gRPC`)
  if (status !== '0') return { text: words(headers.get('grpc-message') ?? ''), status: `gRPC ${status}`, isGood: false }
  return { text: tokenOf(Buffer.from(await answer.arrayBuffer()), asUrl), status: 'gRPC 0', isGood: true }
}

function messageOf({ verification_requests: requests, policy_ids: policies }: ServiceRequest): Buffer {
  const each = requests.map(({ tee, evidence, runtime_data: { structured } }) =>
    fieldOf(
      fields.requests,
      Buffer.concat([
        fieldOf(fields.tee, tee),
        fieldOf(fields.evidence, evidence),
        fieldOf(fields.structured, jcs(structured)),
      ]),
    ),
  )
  return Buffer.concat([...each, ...policies.map((one) => fieldOf(fields.policies, one))])
}

function framed(message: Buffer): Buffer {
  const prefix = Buffer.alloc(prefixBytes)
  prefix.writeUInt32BE(message.length, 1)
  return Buffer.concat([prefix, message])
}

function tokenOf(bytes: Buffer, asUrl: string): string {
  if (bytes.length < prefixBytes || bytes[0] !== 0 || bytes.readUInt32BE(1) !== bytes.length - prefixBytes)
    throw noService(asUrl, 'answered with something else than one plain message')
  try {
    return bytesField(bytes.subarray(prefixBytes), fields.token, 'AttestationResponse').toString('utf8')
  } catch (cause) {
    if (cause instanceof InputError) throw noService(asUrl, `answered with a message that ${cause.message.slice(12)}`)
    throw cause
  }
}

/** Text of a status: UTF-8, percent-encoded; what cannot be decoded stays as it is (gRPC over HTTP/2, "Status-Message"). */
function words(text: string): string {
  const cut = text.slice(0, shown)
  try {
    return decodeURIComponent(cut)
  } catch {
    return cut
  }
}

function noService(asUrl: string, why: string): TransportError {
  return new TransportError('kbs-error', `${asUrl} ${why}`, {
    subject: asUrl,
    remedy:
      'Check that this is the gRPC address of an Attestation Service (grpc-as); write https:// for its REST interface.',
  })
}
