import { InputError } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import { openCbor } from './held/cmw.ts'
import { isDstackBytes, isDstackMessagePack } from './held/dstack.ts'
import { heldShape } from './held/open.ts'
import { keylimeQuote } from './tpm-parts.ts'
import { isSnpReport, isTdxQuote } from './marks.ts'
import type { EvidenceFormat } from './types.ts'

/** What bytes could be. */
export interface Candidate {
  format: EvidenceFormat
  /** `json`: a list of numbers. */
  text: 'hex' | 'base64' | 'json' | null
  /** Decoded. */
  bytes: Buffer
}

const generatedValue = Buffer.from('ff544347', 'hex')

/**
 * All that the content could be: as it is, and as hex or base64 text of it. Names of files mean nothing. Only what a form must begin with
 * counts here; a damaged body is the reader's to refuse.
 *
 * @throws InputError `unsupported` for a token, with a hint
 */
export function candidates(bytes: Buffer): Candidate[] {
  const found: Candidate[] = byContent(bytes).map((format) => ({ format, text: null, bytes }))
  for (const [text, decoded] of decodings(bytes)) {
    for (const format of byContent(decoded)) found.push({ format, text, bytes: decoded })
  }
  return found
}

function byContent(bytes: Buffer): EvidenceFormat[] {
  const formats: EvidenceFormat[] = []
  if (isSnpReport(bytes)) formats.push('snp-report')
  if (isTdxQuote(bytes)) formats.push('tdx-quote')
  if (isAttest(bytes)) formats.push('tpm-quote')
  if (bytes.subarray(0, 4).toString('latin1') === 'HCLA') formats.push('hcl-report')
  if (isDstackBytes(bytes) || isDstackMessagePack(bytes)) formats.push('dstack')
  const cbor = openCbor(bytes)
  if (cbor !== null) formats.push(cbor.format)
  // The members decide: the reader of JSON tells ours from CoCo's.
  if (/^\s*\{/.test(bytes.toString('latin1', 0, 64))) formats.push(jsonFormat(bytes))
  const text = asText(bytes)
  if (text === null) return formats
  if (/^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(text)) throw token()
  if (/^r[\w+/=]+:[\w+/=]+:[\w+/=]+$/.test(text)) formats.push('keylime')
  return formats
}

function isAttest(bytes: Buffer): boolean {
  return [0, 2].some((at) => bytes.subarray(at, at + 4).equals(generatedValue))
}

function jsonFormat(bytes: Buffer): EvidenceFormat {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    if (!isObject(value)) return 'coco'
    if ('binding' in value || ('technology' in value && 'documents' in value)) return 'sealwright'
    return keylimeQuote(value) === null ? (heldShape(value)?.format ?? 'coco') : 'keylime'
  } catch {
    // The reader of JSON says what is wrong with it.
    return 'coco'
  }
}

function asText(bytes: Buffer): string | null {
  const text = bytes.toString('latin1').trim()
  return /^[\x20-\x7e\s]+$/.test(text) ? text : null
}

/** Each decoding that the text has, exactly; blanks and line ends may stand in it. */
function decodings(bytes: Buffer): ['hex' | 'base64' | 'json', Buffer][] {
  const text = asText(bytes)?.replace(/\s+/g, '')
  if (text === undefined || text.length < 16) return []
  const found: ['hex' | 'base64' | 'json', Buffer][] = []
  const list = /^\[[\d,]+\]$/.test(text) ? text.slice(1, -1).split(',').map(Number) : []
  if (list.length > 0 && list.every((byte) => byte <= 255)) found.push(['json', Buffer.from(list)])
  const digits = text.replace(/^0[xX]/, '')
  if (/^([\da-fA-F]{2})+$/.test(digits)) found.push(['hex', Buffer.from(digits, 'hex')])
  for (const form of ['base64', 'base64url'] as const) {
    const decoded = Buffer.from(text, form)
    const padded = form === 'base64url' ? text.replace(/={1,2}$/, '') : text
    if (decoded.length > 0 && decoded.toString(form) === padded && !found.some(([, b]) => b.equals(decoded)))
      found.push(['base64', decoded])
  }
  return found
}

function token(): InputError {
  return new InputError('unsupported', 'this is a token (JWT), not evidence: an EAR says what another verifier found', {
    subject: 'evidence',
    remedy:
      'Give the evidence itself. An EAR counts beside it in a policy that pins its signer (docs/policy.md, `ear`).',
  })
}
