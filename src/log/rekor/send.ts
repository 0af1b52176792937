import { InputError, TransportError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject } from '../../base/json.ts'
import { isPrivateUrl } from '../../base/loopback.ts'
import type { Ports } from '../../base/ports.ts'
import { requestPatiently } from '../../base/retry.ts'
import { collect } from '../../base/streams.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { readProtoJson } from '../../encoding/proto-json.ts'
import { readCheckpoint } from '../../sign/checkpoint.ts'
import { parseEntry, type HashedRekord } from '../hashedrekord.ts'
import { isIncluded, leafHash } from '../merkle.ts'
import { readLogEntry } from './entry.ts'

const answerLimit = 1 << 20
/** Rekor v2 answers when the next checkpoint is made, which is every 10 s by default. */
const timeoutMs = 40_000
const patience = { attempts: 4, firstMs: 500, mostMs: 20_000 } as const

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
  const request = JSON.stringify(entryRequest(parseEntry(body, 'the entry')))
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

/** The document that asks Rekor v2 for an entry. */
function entryRequest({ digest, signature, verifier, keyDetails }: HashedRekord): JsonObject {
  const rawBytes = toBase64(verifier.der)
  return {
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
  }
}

async function post(address: string, body: string, url: string, ports: Ports): Promise<Buffer> {
  const headers = { 'content-type': 'application/json', accept: 'application/json' }
  const request = { method: 'POST', headers, body, redirect: 'manual', timeoutMs } as const
  const response = await requestPatiently(address, request, patience, ports)
  const { status } = response
  const bytes = await collect(response.body ?? [], answerLimit, `the answer of ${url}`)
  if (status === 200 || status === 201) return bytes
  throw new TransportError('unreachable', `the log ${url} answered ${status}: ${reasonIn(bytes)}`, {
    subject: url,
    remedy:
      status === 403
        ? 'Ask the operator of the log to list the key of the signer.'
        : 'Check the address of the log, then try again.',
  })
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
