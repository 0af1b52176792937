import { InputError, TransportError } from '../base/errors.ts'
import { isPrivateUrl } from '../base/loopback.ts'
import { isObject, parseJson } from '../base/json.ts'
import type { Ports } from '../base/ports.ts'
import { answeredBadly } from '../log/answered.ts'
import { call, kbsError } from '../kbs/call.ts'
import { protocolVersion } from '../kbs/client.ts'
import { readCheckpoint } from '../sign/checkpoint.ts'
import { parseNoteKey } from '../sign/signed-note.ts'

/** Where the freshness of the reports comes from, before the agent starts. */
export interface NonceRequest {
  /** The input `nonce`: `oidc`, `none`, `kbs`, `log:URL`, or `verifier:VALUE`, `kbs:VALUE`, `log:VALUE` with a value that was given. */
  nonce: string
  kbsUrl: string | null
  technology: string
  /** Text of the log's key; null takes the checkpoint unsigned, for reading. */
  logKey: string | null
}

export interface Nonce {
  /** For the agent: a source with its value. */
  given: string
  /** What a reader should know of it. */
  note: string | null
  /** The log's checkpoint as it was fetched. */
  checkpoint: Buffer | null
}

/**
 * Fetches the nonce where the input only names who gives it. A KBS's challenge is judged by that KBS alone; a checkpoint says "not before this
 * log had that many entries".
 *
 * @throws InputError `input-missing`, `file-invalid`; TransportError `kbs-error`, `unreachable`; VerificationError `format-invalid`, `signature-invalid`
 */
export async function fetchNonce(request: NonceRequest, ports: Ports): Promise<Nonce> {
  const { nonce } = request
  if (nonce === 'kbs') return challenge(request, ports)
  const url = /^log:(https?:\/\/\S+)$/.exec(nonce)?.[1]
  return url === undefined ? { given: nonce, note: null, checkpoint: null } : logCheckpoint(url, request.logKey, ports)
}

async function challenge({ kbsUrl, technology }: NonceRequest, ports: Ports): Promise<Nonce> {
  if (kbsUrl === null) {
    throw new InputError('input-missing', 'nonce kbs needs kbs-url', {
      subject: 'kbs-url',
      remedy: 'Give the base URL of the KBS, or a value that it gave out: kbs:VALUE.',
    })
  }
  // A KBS gives its challenge for any technology that it knows by name.
  const tee = technology === 'auto' ? 'sample' : technology
  const answer = await call(ports, `${kbsUrl}/kbs/v0/auth`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ version: protocolVersion, tee, 'extra-params': {} }),
  })
  if (answer.status !== 200) throw kbsError('asking for a challenge', kbsUrl, answer)
  const value = parseJson(answer.body.toString('utf8'), 'challenge of the KBS')
  const given = isObject(value) ? value['nonce'] : undefined
  if (typeof given !== 'string' || !/^.{16,1024}$/.test(given)) {
    throw new TransportError('kbs-error', `${kbsUrl} gave no nonce`, {
      subject: kbsUrl,
      remedy: 'Check that this is a KBS.',
    })
  }
  return {
    given: `kbs:${given}`,
    note: `The nonce is a challenge of ${kbsUrl}: only that KBS can say that it is new.`,
    checkpoint: null,
  }
}

async function logCheckpoint(url: string, logKey: string | null, ports: Ports): Promise<Nonce> {
  if (!isPrivateUrl(url)) {
    throw new InputError('input-invalid', 'the log is neither reached by https nor on loopback', { subject: 'nonce' })
  }
  const key = logKey === null ? null : parseNoteKey(logKey, 'log-key')
  const response = await ports.http.request(url, { redirect: 'manual', timeoutMs: 30_000 })
  if (response.status !== 200) {
    await response.body?.cancel()
    throw answeredBadly(
      'the log',
      url,
      response.status,
      'nonce names a checkpoint, as in log:https://log.example/checkpoint',
    )
  }
  const bytes = Buffer.from(await response.arrayBuffer())
  const { origin, size, digest } = readCheckpoint(bytes, key, url)
  const signed =
    key === null ? 'nobody checked its signature (log-key is not given)' : 'its signature holds under log-key'
  return {
    given: `log:${origin}@${size} ${digest}`,
    note: `The reports are not older than ${origin} with ${size} entries; ${signed}.`,
    checkpoint: bytes,
  }
}

/** The input `nonce` in one of its forms; '' is the default. @throws InputError `input-invalid` */
export function nonceSource(text: string): string {
  if (/^(?:|oidc|none|kbs|(?:verifier|kbs|log):.{1,1024})$/s.test(text)) return text
  throw new InputError('input-invalid', 'nonce: it names no source', {
    subject: 'nonce',
    remedy:
      'Write oidc (the default), none, kbs (a challenge of `kbs-url`), log:URL, or verifier:VALUE, kbs:VALUE, log:VALUE.',
  })
}
