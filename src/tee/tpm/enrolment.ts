import { hash, timingSafeEqual } from 'node:crypto'
import { z } from 'zod'
import { VerificationError } from '../../base/errors.ts'
import { fromBase64, toBase64 } from '../../encoding/base64.ts'
import { jcs, parseJcs } from '../../encoding/jcs.ts'
import { pae } from '../../sign/dsse.ts'
import type { Signer } from '../../statement/types.ts'
import { activationPayloadType, activationSchema, activationType } from '../verify/tpm/activation.ts'
import { isStrong, keyFingerprint, wantedAttributes } from '../verify/tpm/attestation-key.ts'
import { judgeMakerCertificate, type Makers } from '../verify/tpm/maker-chain.ts'
import { parsePublic } from '../verify/tpm/public.ts'
import { Steps } from '../verify/steps.ts'
import { credentialFile, makeCredential } from './credential.ts'

/** The keys of one TPM, as its machine shows them to a registrar: proven by nothing yet. */
export interface TpmKeys {
  /** TPMT_PUBLIC of the endorsement key. */
  ek: Buffer
  /** TPMT_PUBLIC of the attestation key. */
  ak: Buffer
  /** DER certificate of the endorsement key, or null where the maker left none. */
  certificate: Buffer | null
}

const keysType = 'https://sealwright.dev/ak-keys/v1'
const pendingType = 'https://sealwright.dev/ak-pending/v1'
const b64 = z.base64().max(8192)
const keysSchema = z.strictObject({ type: z.literal(keysType), ek: b64, ak: b64, 'ek-certificate': b64.nullable() })
const pendingSchema = z.strictObject({
  type: z.literal(pendingType),
  ek: z.string().regex(/^[0-9a-f]{64}$/),
  ak: z.string().regex(/^[0-9a-f]{64}$/),
  'ak-name': z.string().regex(/^[0-9a-f]{68,132}$/),
  /** SHA-256 of the value in the credential, hex: who reads this file cannot answer with it. */
  answer: z.string().regex(/^[0-9a-f]{64}$/),
  time: z.iso.datetime({ precision: 0 }),
})

/** Seconds in which a machine must answer a challenge. */
const challengeLifetime = 3600

/** The file that a machine shows a registrar, JCS. */
export function encodeKeys({ ek, ak, certificate }: TpmKeys): Buffer {
  const stored = certificate === null ? null : toBase64(certificate)
  return jcs({ type: keysType, ek: toBase64(ek), ak: toBase64(ak), 'ek-certificate': stored })
}

/** @throws VerificationError `format-invalid` */
export function parseKeys(bytes: Uint8Array, subject: string): TpmKeys {
  const { ek, ak, 'ek-certificate': certificate } = read(bytes, keysSchema, subject)
  return {
    ek: fromBase64(ek, 'ek'),
    ak: fromBase64(ak, 'ak'),
    certificate: certificate === null ? null : fromBase64(certificate, 'ek-certificate'),
  }
}

/** SHA-256 of the SubjectPublicKeyInfo of a key by its TPMT_PUBLIC, hex: what policies pin. */
export function areaFingerprint(area: Uint8Array): string {
  return keyFingerprint(parsePublic(area).key)
}

/**
 * A registrar's challenge: only a TPM that holds both keys gets the value out (Part 1 §24).
 *
 * @param makers roots that the endorsement certificate must lead to; null leaves that to each gate
 * @param value 32 random bytes
 * @returns the credential in the form of tpm2-tools, for the machine; and what the registrar keeps until the answer
 * @throws VerificationError `evidence-invalid` for keys that are no attestation and endorsement key, or another certificate's
 */
export function makeChallenge(
  keys: TpmKeys,
  makers: Makers | null,
  value: Uint8Array,
  now: Date,
): { challenge: Buffer; pending: Buffer } {
  const area = parsePublic(keys.ak, 'attestation key')
  const missing = wantedAttributes.filter((name) => !area.attributes.includes(name))
  if (missing.length > 0) throw refuse(`the attestation key is not ${missing.join(', ')}`)
  if (area.attributes.includes('decrypt')) throw refuse('the attestation key decrypts too')
  if (!isStrong(area.key)) throw refuse('the attestation key is weak')
  const ek = areaFingerprint(keys.ek)
  checkCertificate(keys.certificate, ek, makers)
  const pending = {
    type: pendingType,
    ek,
    ak: keyFingerprint(area.key),
    'ak-name': area.name.toString('hex'),
    answer: hash('sha256', value, 'hex'),
    time: second(now),
  }
  return { challenge: credentialFile(makeCredential(keys.ek, area.name, value)), pending: jcs(pending) }
}

function checkCertificate(certificate: Buffer | null, ek: string, makers: Makers | null): void {
  if (certificate === null) {
    if (makers !== null) throw refuse('the TPM has no endorsement certificate, and roots of makers were given')
    return
  }
  const steps = new Steps()
  const made = judgeMakerCertificate(
    'ek-certificate',
    () => certificate,
    makers ?? { roots: [], authorities: [], at: new Date(0) },
    steps,
  )
  const failed = steps.checks.filter(({ ok }) => !ok)
  if (failed.length > 0) throw refuse(`its certificate: ${failed.map(({ name, why }) => `${name}: ${why}`).join('; ')}`)
  if (made?.keyFingerprint !== ek) throw refuse('its certificate is of another key')
  if (makers !== null && !made.trusted) throw refuse('its certificate leads to none of the roots')
}

/**
 * The registrar's record, once the machine gave the value back: a DSSE envelope that travels as document `ak-activation`.
 *
 * @param pending what {@link makeChallenge} gave the registrar
 * @throws VerificationError `evidence-invalid` for another answer, `expired` for one that comes late, `format-invalid`
 */
export async function signActivation(
  pending: Uint8Array,
  answer: Uint8Array,
  signer: Signer,
  now: Date,
): Promise<Buffer> {
  const { ek, ak, 'ak-name': name, answer: wanted, time } = read(pending, pendingSchema, 'pending challenge')
  const age = (now.getTime() - Date.parse(time)) / 1000
  if (age > challengeLifetime || age < -60) {
    throw new VerificationError('expired', `the challenge of ${time} is not answered within an hour`, {
      subject: 'pending challenge',
      remedy: 'Make a new challenge for this machine.',
    })
  }
  if (!timingSafeEqual(hash('sha256', answer, 'buffer'), Buffer.from(wanted, 'hex'))) {
    throw refuse('the answer is not the value in the challenge')
  }
  const record = { type: activationType, ek, ak, 'ak-name': name, time: second(now) }
  const payload = jcs(activationSchema.parse(record))
  const signature = await signer.sign(pae(activationPayloadType, payload))
  return jcs({
    payloadType: activationPayloadType,
    payload: toBase64(payload),
    signatures: [{ sig: toBase64(signature), keyid: '' }],
  })
}

function read<T>(bytes: Uint8Array, schema: z.ZodType<T>, subject: string): T {
  try {
    return schema.parse(parseJcs(bytes, subject))
  } catch (cause) {
    throw new VerificationError('format-invalid', `${subject} holds no such document of version 1`, {
      subject,
      cause,
      remedy: 'Give the file of "tee ak show" (for --keys) or of "tee ak challenge" (for --pending) as it was written.',
    })
  }
}

/** RFC 3339 in whole seconds. */
function second(time: Date): string {
  return time.toISOString().replace(/\.\d{3}Z$/, 'Z')
}

function refuse(why: string): VerificationError {
  return new VerificationError('evidence-invalid', `this TPM cannot be enrolled: ${why}`, {
    subject: 'tpm',
    remedy: 'Enrol only machines whose TPM you can name, with the keys that "sealwright tee ak show" printed there.',
  })
}
