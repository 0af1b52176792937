import { InputError, TransportError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { requestPatiently } from '../../base/retry.ts'
import { mediaTypeIn, wholeBody } from '../../oci/responses.ts'
import { timestampRefusal } from './algorithms.ts'
import { spkiOf } from './authority.ts'
import { limits } from './limits.ts'
import { signerOf } from './path.ts'
import { timestampRequest } from './request.ts'
import { readTimestamp, type Timestamp } from './response.ts'
import { imprintFault, signerChecks } from './verify.ts'

const timeoutMs = 30_000
const patience = { attempts: 4, firstMs: 500, mostMs: 30_000 } as const
/** RFC 3161 §3.4. */
const mediaTypes = { query: 'application/timestamp-query', reply: 'application/timestamp-reply' } as const

/** What an authority answered to a request of ours. */
export interface StampAnswer {
  /** TimeStampResp in DER, to be stored as it is. */
  response: Buffer
  /** What the authority says; who it is, is for the reader's policy to know. */
  time: Date
  /** SPKI DER of the signer. */
  key: Buffer
}

/**
 * The address of an RFC 3161 service. Plain http is allowed: the answer is signed, and the request holds no more than a hash of a signature.
 *
 * @throws InputError `input-invalid` for anything else, and for an address with a name or password in it
 */
export function timestampUrl(text: string): URL {
  const url = URL.canParse(text) ? new URL(text) : null
  if (url !== null && ['https:', 'http:'].includes(url.protocol) && url.username === '' && url.password === '')
    return url
  throw new InputError('input-invalid', `"${text}" is not the address of a time stamp service`, {
    subject: 'timestamp',
    remedy: 'Give an http or https URL of an RFC 3161 service, without credentials.',
  })
}

/**
 * Has one service stamp some bytes (RFC 3161 §3.4). It sees their SHA-256 alone. The answer is checked at once: granted, same digest, same nonce, and
 * signed by a certificate in it that is for time stamps. Redirects are not followed.
 *
 * @throws TransportError `unreachable`, `timeout`, `timestamp-error` (try again); VerificationError `timestamp-invalid`, `format-invalid` for an
 *   answer that is not a stamp of these bytes
 */
export async function requestTimestamp(url: URL, bytes: Uint8Array, ports: Ports): Promise<StampAnswer> {
  const nonce = ports.random(limits.nonce)
  const response = await post(url, timestampRequest(bytes, { nonce }), ports)
  const name = `the answer of ${url.host}`
  const stamp = readTimestamp(response, name)
  // A replay of an older answer for the same bytes would state an older time.
  if (stamp.info.nonce === null || BigInt(`0x${nonce.toString('hex')}`).toString(16) !== stamp.info.nonce)
    throw timestampRefusal(name, 'does not have the nonce of the request')
  return { response, time: stamp.info.time, key: checkedSigner(stamp, bytes) }
}

/**
 * Checks all of a stamp but who vouches for its signer: a policy pins that.
 *
 * @returns SPKI DER of the signer
 * @throws VerificationError `timestamp-invalid` with the first rule that does not hold
 */
export function checkedSigner(stamp: Timestamp, bytes: Uint8Array): Buffer {
  const { name } = stamp
  const fault = imprintFault(stamp, bytes)
  if (fault !== null) throw timestampRefusal(name, `was refused: ${fault}`)
  const signer = signerOf(stamp.data, [], name)
  if (signer === null) throw timestampRefusal(name, 'does not hold the certificate of its signer')
  const failed = signerChecks(stamp, signer).find(({ ok }) => !ok)
  if (failed !== undefined) throw timestampRefusal(name, `was refused: ${failed.why}`)
  return spkiOf(signer.key)
}

async function post(url: URL, body: Buffer, ports: Ports): Promise<Buffer> {
  const headers = { 'content-type': mediaTypes.query, accept: mediaTypes.reply }
  const request = { method: 'POST', headers, body, redirect: 'manual', timeoutMs } as const
  const response = await requestPatiently(url.href, request, patience, ports)
  const { status } = response
  const type = mediaTypeIn(response).toLowerCase()
  if ((status === 200 || status === 201) && type === mediaTypes.reply)
    return wholeBody(response, url, limits.response, `the answer of ${url.host}`)
  await response.body?.cancel()
  throw wrongAnswer(url, status, type)
}

function wrongAnswer({ host }: URL, status: number, type: string): TransportError {
  const redirect = status >= 300 && status < 400
  const found = status === 200 || status === 201 ? `${type === '' ? 'nothing' : type}, not a time stamp` : `${status}`
  return new TransportError(
    'timestamp-error',
    redirect ? `${host} redirects (${status}), which is not followed` : `${host} answered ${found}`,
    {
      subject: host,
      remedy: redirect
        ? 'Give the address to which it leads as `timestamp`, if you trust it.'
        : 'Check the address of the RFC 3161 service, or run the step again: what is stamped already is not stamped anew.',
    },
  )
}
