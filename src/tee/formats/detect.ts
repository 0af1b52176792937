import { InputError } from '../../base/errors.ts'
import { isObject } from '../../base/json.ts'
import { reportSize } from '../verify/snp/report.ts'
import type { EvidenceFormat } from './types.ts'

/** What bytes could be. */
export interface Candidate {
  format: EvidenceFormat
  text: 'hex' | 'base64' | null
  /** Decoded. */
  bytes: Buffer
}

const intelVendor = Buffer.from('939a7233f79c4ca9940a0db3957f0607', 'hex')
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
  if (isSnp(bytes)) formats.push('snp-report')
  if (isQuote(bytes)) formats.push('tdx-quote')
  if (isAttest(bytes)) formats.push('tpm-quote')
  if (bytes.subarray(0, 4).toString('latin1') === 'HCLA') formats.push('hcl-report')
  // The members decide: the reader of JSON tells ours from CoCo's.
  if (/^\s*\{/.test(bytes.toString('latin1', 0, 64))) formats.push(isOurs(bytes) ? 'sealwright' : 'coco')
  const text = asText(bytes)
  if (text === null) return formats
  if (/^eyJ[\w-]*\.[\w-]+\.[\w-]*$/.test(text)) throw token()
  if (/^r[\w+/=]+:[\w+/=]+:[\w+/=]+$/.test(text)) formats.push('keylime')
  return formats
}

/** Version in 32 bits, also one to come that the verifier then refuses by its number, and the one signature algorithm (SEV-SNP ABI §7.3). */
function isSnp(bytes: Buffer): boolean {
  if (bytes.length < 0x50) return false
  const version = bytes.readUInt32LE(0)
  const newer = version > 5 && version < 32 && bytes.length >= reportSize
  return ((version >= 2 && version <= 5) || newer) && bytes.readUInt32LE(0x34) === 1
}

/** Version 3 to 5 in 16 bits and Intel's vendor id; SGX quotes are found too, so that they are refused by name. */
function isQuote(bytes: Buffer): boolean {
  if (bytes.length < 48) return false
  const version = bytes.readUInt16LE(0)
  return version >= 3 && version <= 5 && bytes.subarray(12, 28).equals(intelVendor)
}

function isAttest(bytes: Buffer): boolean {
  return [0, 2].some((at) => bytes.subarray(at, at + 4).equals(generatedValue))
}

function isOurs(bytes: Buffer): boolean {
  try {
    const value: unknown = JSON.parse(bytes.toString('utf8'))
    return isObject(value) && ('binding' in value || ('technology' in value && 'documents' in value))
  } catch {
    // The reader of JSON says what is wrong with it.
    return false
  }
}

function asText(bytes: Buffer): string | null {
  const text = bytes.toString('latin1').trim()
  return /^[\x20-\x7e\s]+$/.test(text) ? text : null
}

/** Each decoding that the text has, exactly; blanks and line ends may stand in it. */
function decodings(bytes: Buffer): ['hex' | 'base64', Buffer][] {
  const text = asText(bytes)?.replace(/\s+/g, '')
  if (text === undefined || text.length < 16) return []
  const found: ['hex' | 'base64', Buffer][] = []
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
