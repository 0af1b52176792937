import { X509Certificate, type KeyObject } from 'node:crypto'
import { inflateSync } from 'node:zlib'
import { InputError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject } from '../../base/json.ts'
import { fromBase64 } from '../../encoding/base64.ts'
import { ByteReader } from '../byte-reader.ts'
import { isStrong, keyFromSpki } from '../verify/tpm/attestation-key.ts'
import { allPcrs } from '../verify/tpm/coco-quote.ts'
import { parsePublic, parseSizedPublic } from '../verify/tpm/public.ts'
import { parseToolPcrs } from '../tpm/tool-pcrs.ts'
import type { Companions, QuoteParts } from './types.ts'

const limits = { part: 65_536 } as const

/**
 * A quote with the files that `tpm2_quote` writes beside it.
 *
 * @param bytes TPMS_ATTEST, or TPM2B_ATTEST with its length before it
 * @throws InputError `input-missing` naming each file that is needed too
 */
export function readTpmQuote(bytes: Buffer, companions: Companions, subject: string): QuoteParts {
  const missing = (['signature', 'pcrs', 'ak'] as const).filter((name) => companions[name] === undefined)
  const { signature, pcrs, ak } = companions
  if (signature === undefined || pcrs === undefined || ak === undefined) {
    throw new InputError('input-missing', `${subject} is a bare TPM quote: its ${missing.join(', ')} is needed too`, {
      subject: missing[0],
      remedy: 'Give --signature (TPMT_SIGNATURE), --pcrs (as tpm2_quote -o writes them) and --ak (the public key).',
    })
  }
  return { message: attestOf(bytes, subject), signature, ...readAk(ak), ...readPcrs(pcrs) }
}

/**
 * A quote as Keylime's agent sends it: `r`, then message, signature and PCR values in base64, each perhaps packed by zlib.
 *
 * @throws InputError `input-missing` without the key; VerificationError `format-invalid`
 */
export function readKeylime(text: string, { ak }: Companions, subject: string): QuoteParts {
  if (ak === undefined) {
    throw new InputError('input-missing', `${subject} is a Keylime quote: the attestation key is needed too`, {
      subject: 'ak',
      remedy: 'Give it with --ak.',
    })
  }
  const [message, signature, pcrs] = unpackKeylime(text, subject)
  return { message: attestOf(message, subject), signature, ...readAk(ak), ...readPcrs(pcrs) }
}

/** The quote in an answer of Keylime's agent (`{code, results: {quote, …}}`, or `results` alone); null for other JSON. */
export function keylimeQuote(value: JsonObject): string | null {
  const results = value['results'] ?? value
  const quote = isObject(results) ? results['quote'] : undefined
  return typeof quote === 'string' && /^r[\w+/=]+:[\w+/=]+:[\w+/=]+$/.test(quote) ? quote : null
}

/** Message, signature and PCR file of a Keylime quote. @throws VerificationError `format-invalid` */
export function unpackKeylime(given: string, subject: string): [message: Buffer, signature: Buffer, pcrs: Buffer] {
  const answer = given.trimStart().startsWith('{') ? parseJson(given, subject) : null
  const text = isObject(answer) ? (keylimeQuote(answer) ?? '') : given
  const parts = text.trim().slice(1).split(':')
  const [message, signature, pcrs, ...more] = parts.map((part) => unpack(part, subject))
  if (message === undefined || signature === undefined || pcrs === undefined || more.length > 0) {
    throw new VerificationError('format-invalid', `${subject} has not three parts`, { subject })
  }
  return [message, signature, pcrs]
}

/** TPMS_ATTEST without the length of a TPM2B around it. @throws VerificationError `format-invalid` for a wrong length */
export function attestOf(bytes: Buffer, subject: string): Buffer {
  if (bytes[0] === 0xff) return bytes
  const reader = new ByteReader(bytes, subject, 'BE')
  const inner = reader.sized16('attestationData', limits.part)
  reader.end()
  return inner
}

function unpack(part: string, subject: string): Buffer {
  const bytes = fromBase64(part, subject)
  // A zlib stream begins with 0x78; no part of a quote does.
  if (bytes[0] !== 0x78) return bytes
  try {
    return inflateSync(bytes, { maxOutputLength: limits.part })
  } catch (cause) {
    throw new VerificationError('format-invalid', `${subject} has a part that cannot be unpacked`, { subject, cause })
  }
}

/** Selection and values of the tools' own file, or the 24 values of the SHA-256 bank one after the other (`tpm2_pcrread -o`). */
function readPcrs(bytes: Buffer): Pick<QuoteParts, 'selection' | 'values'> {
  if (bytes.length !== 24 * 32) return parseToolPcrs(bytes, 'PCR file')
  const values = new Map([...Array(24).keys()].map((pcr) => [pcr, bytes.subarray(pcr * 32, pcr * 32 + 32)] as const))
  return { selection: allPcrs, values: new Map([['sha256', values]]) }
}

/** SPKI in PEM or DER, a certificate, TPMT_PUBLIC or TPM2B_PUBLIC. */
function readAk(bytes: Buffer): { key: KeyObject; area: Buffer | null } {
  const first = bytes.length < 2 ? 0 : bytes.readUInt16BE(0)
  if (first === 0x01 || first === 0x23) return { key: parsePublic(bytes, 'attestation key').key, area: bytes }
  if (first === bytes.length - 2) {
    return { key: parseSizedPublic(bytes, 'attestation key').key, area: bytes.subarray(2) }
  }
  const certificate = /-----BEGIN CERTIFICATE-----/.test(bytes.toString('latin1')) ? bytes : null
  if (certificate === null) return { key: keyFromSpki(bytes, 'attestation key'), area: null }
  try {
    const key = new X509Certificate(certificate).publicKey
    if (isStrong(key)) return { key, area: null }
  } catch (cause) {
    throw new VerificationError('format-invalid', 'the certificate of the attestation key cannot be read', { cause })
  }
  throw new VerificationError('evidence-invalid', 'the attestation key is a weak key', { subject: 'ak' })
}
