import { InputError } from '../../base/errors.ts'
import { isObject, parseJson } from '../../base/json.ts'
import { version } from '../../base/version.ts'
import { toBase64, toBase64url } from '../../encoding/base64.ts'
import { CborTag, type CborValue } from '../../encoding/cbor/types.ts'
import type { Certificate } from '../../encoding/x509/certificate.ts'
import type { Descriptor } from '../../oci/types.ts'
import { coseAlgorithms } from '../cose/algorithms.ts'
import { headers } from '../cose/labels.ts'
import { parseSign1 } from '../cose/sign1.ts'
import { withParameter, writeSign1, type CoseSigner } from '../cose/write.ts'
import { isSameKey } from '../public-key.ts'
import { notationRefusal } from './envelope.ts'
import { attributes, notationPayloadType, schemes, type NotationFormat } from './names.ts'
import { notationPayload } from './payload.ts'
import { profileFault } from './profile.ts'

export interface NewNotationSignature {
  readonly target: Descriptor
  /** Leaf first, root last; the leaf's key is the signer's. */
  readonly chain: readonly Certificate[]
  readonly signer: CoseSigner
  /** Seconds count; the rest is cut off. */
  readonly signingTime: Date
  readonly expiry?: Date | undefined
}

const agent = `sealwright/${version}`

/**
 * Signs a manifest in an envelope of the Notary Project, scheme `notary.x509`.
 *
 * @throws InputError `file-invalid` where the certificates do not fit the profile or the key
 */
export async function writeNotation(request: NewNotationSignature, format: NotationFormat): Promise<Buffer> {
  const algorithm = checkSignerChain(request.chain, request.signer)
  return format === 'cose' ? writeCose(request) : writeJws(request, algorithm)
}

/**
 * Checks that certificates fit the profile of the Notary Project and the signer's key.
 *
 * @returns name of the algorithm
 * @throws InputError `file-invalid`
 */
export function checkSignerChain(
  chain: readonly Certificate[],
  signer: Pick<CoseSigner, 'algorithm' | 'publicKey'>,
): string {
  const algorithm = coseAlgorithms.find(({ id }) => id === signer.algorithm) ?? null
  const fault = profileFault(chain, algorithm)
  if (fault !== null) throw unfit(fault)
  const [leaf] = chain
  if (leaf === undefined || !isSameKey(leaf.key, signer.publicKey))
    throw unfit('the first certificate belongs to another key')
  return algorithm?.name ?? ''
}

function unfit(why: string): InputError {
  return new InputError('file-invalid', `certificate: ${why}`, {
    subject: 'certificate',
    remedy: 'Give the certificates of the key as PEM, the leaf first and the self-signed root last.',
  })
}

async function writeCose({ target, chain, signer, signingTime, expiry }: NewNotationSignature): Promise<Buffer> {
  const time = (date: Date): CborValue => new CborTag(1, Math.floor(date.getTime() / 1000))
  const signed = new Map<CborValue, CborValue>([
    [headers.crit, [attributes.scheme, ...(expiry === undefined ? [] : [attributes.expiry])]],
    [headers.contentType, notationPayloadType],
    [attributes.scheme, schemes.x509],
    [attributes.signingTime, time(signingTime)],
  ])
  if (expiry !== undefined) signed.set(attributes.expiry, time(expiry))
  const unprotected = new Map<CborValue, CborValue>([
    // notation-core-go reads an array only, also of one certificate.
    [headers.x5chain, chain.map(({ bytes }) => bytes)],
    [attributes.agent, agent],
  ])
  return writeSign1({ protected: signed, unprotected, payload: notationPayload(target) }, signer)
}

async function writeJws(
  { target, chain, signer, signingTime, expiry }: NewNotationSignature,
  algorithm: string,
): Promise<Buffer> {
  const time = (date: Date): string => date.toISOString().replace(/\.\d+Z$/, 'Z')
  const signed = {
    alg: algorithm,
    crit: [attributes.scheme, ...(expiry === undefined ? [] : [attributes.expiry])],
    cty: notationPayloadType,
    [attributes.scheme]: schemes.x509,
    [attributes.signingTime]: time(signingTime),
    ...(expiry === undefined ? {} : { [attributes.expiry]: time(expiry) }),
  }
  const header = toBase64url(JSON.stringify(signed))
  const payload = toBase64url(notationPayload(target))
  const signature = await signer.sign(Buffer.from(`${header}.${payload}`))
  return Buffer.from(
    JSON.stringify({
      payload,
      protected: header,
      header: { x5c: chain.map(({ bytes }) => toBase64(bytes)), [attributes.agent]: agent },
      signature: toBase64url(signature),
    }),
  )
}

/**
 * The envelope with a time stamp over its raw signature. The signed parts do not change.
 *
 * @param token TimeStampToken of RFC 3161 in DER
 * @throws VerificationError for bytes that are not such an envelope
 */
export function stampNotation(envelope: Uint8Array, format: NotationFormat, token: Uint8Array): Buffer {
  if (format === 'cose') return withParameter(parseSign1(envelope, 'the envelope'), attributes.timestamp, token)
  const value = parseJson(Buffer.from(envelope).toString('utf8'), 'the envelope')
  const header = isObject(value) ? value['header'] : undefined
  if (!isObject(value) || !isObject(header)) throw notationRefusal('the envelope', 'has no unprotected header')
  return Buffer.from(JSON.stringify({ ...value, header: { ...header, [attributes.timestamp]: toBase64(token) } }))
}
