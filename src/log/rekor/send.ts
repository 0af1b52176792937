import { InputError, TransportError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject } from '../../base/json.ts'
import { isPrivateUrl } from '../../base/loopback.ts'
import type { Ports } from '../../base/ports.ts'
import { retriedStatuses, retryWait } from '../../base/retry.ts'
import { collect } from '../../base/streams.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { readProtoJson } from '../../encoding/proto-json.ts'
import { readCheckpoint } from '../../sign/checkpoint.ts'
import { parseEntry } from '../hashedrekord.ts'
import { isIncluded, leafHash } from '../merkle.ts'
import { readLogEntry } from './entry.ts'

const answerLimit = 1 << 20
const attempts = 4
/** Rekor v2 answers when the next checkpoint is made, which is every 10 s by default. */
const timeoutMs = 40_000

/** Refuses an address where anybody on the way could answer. @throws InputError `input-invalid` */
export function requireSafeLog(url: string): void {
  if (isPrivateUrl(url)) return
  throw new InputError('input-invalid', `log: "${url}" is not a safe address`, {
    subject: 'log',
    remedy: 'Use https, or http on this machine only.',
  })
}

/**
 * Sends an entry to a log with the API of Rekor v2 (`POST /api/v2/log/entries`), ours or another. That the answer is about this entry and that its
 * proof leads to its checkpoint is checked; who signed the checkpoint is for the reader's policy to say.
 *
 * @param url of the log: https, or http on this machine
 * @param body of {@link parseEntry}
 * @returns the member of a bundle's `tlogEntries`
 * @throws InputError `input-invalid` · TransportError `unreachable` · VerificationError `log-invalid`
 */
export async function sendEntry(url: string, body: Buffer, ports: Ports): Promise<JsonObject> {
  requireSafeLog(url)
  const { digest, signature, verifier, keyDetails } = parseEntry(body, 'the entry')
  const rawBytes = toBase64(verifier.der)
  const request = JSON.stringify({
    hashedRekordRequestV002: {
      digest: toBase64(digest),
      signature: {
        content: toBase64(signature),
        verifier: {
          ...(verifier.kind === 'key' ? { publicKey: { rawBytes } } : { x509Certificate: { rawBytes } }),
          keyDetails,
        },
      },
    },
  })
  const bytes = await post(`${url.replace(/\/$/, '')}/api/v2/log/entries`, request, url, ports)
  const entry = readLogEntry(readProtoJson(bytes, `the answer of ${url}`))
  const { proof } = entry
  const head = proof?.checkpoint ? readCheckpoint(proof.checkpoint, null, `the checkpoint of ${url}`) : null
  const holds =
    proof !== null &&
    head !== null &&
    entry.body.equals(body) &&
    head.size === proof.size &&
    head.root.equals(proof.root) &&
    isIncluded(leafHash(body), proof.index, proof.size, proof.hashes, proof.root)
  const value = parseJson(bytes.toString('utf8'), `the answer of ${url}`)
  if (holds && isObject(value)) return value
  throw new VerificationError('log-invalid', `${url} answered with an entry or proof that does not hold`, {
    subject: url,
    remedy: 'Ask the operator of the log.',
  })
}

async function post(address: string, request: string, url: string, ports: Ports): Promise<Buffer> {
  for (let attempt = 1; ; attempt++) {
    const response = await ports.http.request(address, {
      method: 'POST',
      headers: { 'content-type': 'application/json', accept: 'application/json' },
      body: request,
      redirect: 'manual',
      timeoutMs,
    })
    const parts = response.body === null ? [] : response.body
    const bytes = await collect(parts, answerLimit, `the answer of ${url}`)
    if (response.status === 200 || response.status === 201) return bytes
    if (!retriedStatuses.has(response.status) || attempt === attempts) {
      throw new TransportError('unreachable', `the log ${url} answered ${response.status}: ${reasonIn(bytes)}`, {
        subject: url,
        remedy:
          response.status === 403
            ? 'Ask the operator of the log to list the key of the signer.'
            : 'Check the address of the log, then try again.',
      })
    }
    const retryAfter = response.headers.get('retry-after')
    const now = ports.clock.now()
    await ports.clock.sleep(
      retryWait({ retryAfter, attempt, now, chance: ports.random(1)[0] ?? 0, firstMs: 500, mostMs: 20_000 }),
    )
  }
}

/** What the log says, as far as it is text. */
function reasonIn(bytes: Buffer): string {
  try {
    const value = parseJson(bytes.toString('utf8'), 'answer')
    const told = isObject(value) ? (value['detail'] ?? value['message']) : undefined
    return typeof told === 'string' ? told.slice(0, 200) : 'no reason given'
  } catch {
    return 'no reason given'
  }
}
