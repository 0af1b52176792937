import { z } from 'zod'
import { VerificationError } from '../../../base/errors.ts'
import { isObject, parseJson } from '../../../base/json.ts'
import { fromBase64 } from '../../../encoding/base64.ts'
import { parseJcs } from '../../../encoding/jcs.ts'
import { verifyEnvelope } from '../../../sign/dsse.ts'
import { loadPublicKey } from '../../../sign/public-key.ts'
import type { Envelope } from '../../../statement/types.ts'
import type { TeeEvidence } from '../../types.ts'
import type { Steps } from '../steps.ts'
import { keyFingerprint } from './attestation-key.ts'

export const activationType = 'https://sealwright.dev/ak-activation/v1'
/** DSSE payload type of an activation record. */
export const activationPayloadType = 'application/vnd.sealwright.ak-activation.v1+json'

const fingerprint = z.string().regex(/^[0-9a-f]{64}$/)

/**
 * What a registrar signs once a TPM has opened a credential that only its endorsement key can open, for just this attestation key
 * (TPM2_ActivateCredential). In RFC 8785 form.
 */
export const activationSchema = z.strictObject({
  type: z.literal(activationType),
  /** SHA-256 of the endorsement key's SubjectPublicKeyInfo, hex. */
  ek: fingerprint,
  /** SHA-256 of the attestation key's SubjectPublicKeyInfo, hex. */
  ak: fingerprint,
  /** Name of the attestation key: hash id and hash of its public area, hex. */
  'ak-name': z.string().regex(/^000[bcd]([0-9a-f]{2}){32,64}$/),
  time: z.iso.datetime({ precision: 0 }),
})

export interface Activation {
  ek: string
  ak: string
  name: string
  time: string
  /** SHA-256 of the registrar's key, hex. */
  registrar: string
}

/**
 * The record of document `ak-activation`, when one of the pinned registrars signed it. Without pinned registrars it is not looked at: anybody
 * can write one.
 */
export function readActivation(
  documents: TeeEvidence['documents'],
  registrars: readonly string[],
  steps: Steps,
): Activation | null {
  const text = documents['ak-activation']
  if (text === undefined || registrars.length === 0) return null
  return steps.read('ak-activation', 'a record that a pinned registrar signed', () => {
    const envelope = readEnvelope(fromBase64(text, 'ak-activation'))
    for (const key of registrars) {
      const payload = opened(envelope, key)
      if (payload === null) continue
      const parsed = activationSchema.safeParse(parseJcs(payload, 'ak-activation'))
      if (!parsed.success) throw refuse('format-invalid', 'is of another form', parsed.error)
      const { ek, ak, 'ak-name': name, time } = parsed.data
      return { ek, ak, name, time, registrar: keyFingerprint(loadPublicKey(key, 'registrar').object) }
    }
    throw refuse('signature-invalid', 'is signed by no pinned registrar')
  })
}

function opened(envelope: Envelope, key: string): Buffer | null {
  try {
    return verifyEnvelope(envelope, key)
  } catch (error) {
    if (error instanceof VerificationError && error.code === 'signature-invalid') return null
    throw error
  }
}

function readEnvelope(bytes: Buffer): Envelope {
  if (bytes.length > 65_536) throw refuse('format-invalid', 'is too large')
  const value = parseJson(bytes.toString('utf8'), 'ak-activation')
  if (!isObject(value) || value['payloadType'] !== activationPayloadType)
    throw refuse('format-invalid', `does not hold ${activationPayloadType}`)
  const { payload, signatures } = value
  const [signature] = Array.isArray(signatures) ? signatures : []
  if (typeof payload !== 'string' || !isObject(signature) || typeof signature['sig'] !== 'string')
    throw refuse('format-invalid', 'is no DSSE envelope')
  if (Array.isArray(signatures) && signatures.length > 1) throw refuse('format-invalid', 'has more than one signature')
  return { payloadType: activationPayloadType, payload, signatures: [{ sig: signature['sig'], keyid: '' }] }
}

function refuse(code: 'format-invalid' | 'signature-invalid', why: string, cause?: unknown): VerificationError {
  return new VerificationError(code, `the activation record ${why}`, { subject: 'ak-activation', cause })
}
