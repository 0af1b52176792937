import type { KeyObject } from 'node:crypto'
import { InputError, VerificationError } from '../../base/errors.ts'
import type { Clock } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import { toBase64 } from '../../encoding/base64.ts'
import { readPem } from '../../encoding/pem.ts'
import { parseCertificate, type Certificate } from '../../encoding/x509/certificate.ts'
import type { NotationRequest, SignedStatementRequest } from '../../agent/protocol.ts'
import { writeStatement } from '../../log/scitt/statement.ts'
import type { Descriptor, Digest } from '../../oci/types.ts'
import { algorithmOf } from '../../sign/cose/algorithms.ts'
import type { CoseSigner } from '../../sign/cose/write.ts'
import { checkSignerChain, writeNotation } from '../../sign/notation/write.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { payloadType } from '../../statement/types.ts'
import type { SignRequest } from './request.ts'

/** Whoever signs for the readers of COSE, with certificates if there are some. */
export interface CertifiedKey {
  /** As receipts name it. */
  readonly name: 'agent' | 'key'
  readonly publicKey: KeyObject
  /** Leaf first; null for a key without certificates. */
  readonly chain: Certificate[] | null
  /** An envelope of the Notary Project over a manifest. */
  notation(target: Descriptor): Promise<Buffer>
  /** A SCITT signed statement about an image, over the bytes of an in-toto statement. */
  statement(about: { name: string; subject: Digest; content: Buffer }): Promise<Buffer>
}

/** Where envelopes are made: a key of the step signs them here, an agent or its worker makes them by its own rules (TRUST §4). */
export type CoseHand =
  | { kind: 'step'; signer: CoseSigner; clock: Clock }
  | {
      kind: 'agent'
      name: CertifiedKey['name']
      publicKeyPem: string
      notation(request: NotationRequest): Promise<Buffer>
      signedStatement(request: SignedStatementRequest): Promise<Buffer>
    }

const mostCertificates = 10

/** Whether consumers are served that read COSE. */
export function servesCose({ consumers }: Pick<SignRequest, 'consumers'>): boolean {
  return consumers.includes('notation') || consumers.includes('scitt')
}

/**
 * The signer for the consumers that read COSE and JWS, checked before anything is published: a half-signed image would be left behind.
 *
 * @throws InputError `input-missing` for missing certificates, `file-invalid` for certificates that do not fit, `unsupported` for the kind of key
 */
export function openCertifiedKey(
  { certificate, consumers }: Pick<SignRequest, 'certificate' | 'consumers'>,
  hand: CoseHand,
): CertifiedKey {
  if (certificate === null && consumers.includes('notation'))
    throw new InputError('input-missing', 'consumers: notation needs the certificates of the key', {
      subject: 'certificate',
      remedy: 'Set `certificate` to a PEM file: the leaf first, the self-signed root last.',
    })
  const publicKey =
    hand.kind === 'step' ? hand.signer.publicKey : loadPublicKey(hand.publicKeyPem, 'key of the signer').object
  const algorithm = algorithmOf(publicKey)?.id
  if (algorithm === undefined)
    throw new InputError('unsupported', 'COSE has no algorithm for this kind of key', { subject: 'signer' })
  const chain = certificate === null ? null : readChain(certificate)
  if (chain !== null && chain[0]?.key.equals(publicKey) !== true)
    throw new InputError('file-invalid', 'the first certificate belongs to another key', {
      subject: 'certificate',
      remedy: 'Give the certificates of the key that signs, the leaf first.',
    })
  if (chain !== null && consumers.includes('notation')) checkSignerChain(chain, { algorithm, publicKey })
  return hand.kind === 'step' ? byStep(hand.signer, chain, hand.clock) : byAgent(hand, publicKey, chain)
}

function byStep(signer: CoseSigner, chain: Certificate[] | null, clock: Clock): CertifiedKey {
  return {
    name: 'key',
    publicKey: signer.publicKey,
    chain,
    notation: (target) => writeNotation({ target, chain: chain ?? [], signer, signingTime: clock.now() }, 'cose'),
    statement: ({ name, subject, content }) =>
      writeStatement(
        { subject: `${name}@${subject}`, content, contentType: payloadType, issuedAt: clock.now(), chain },
        signer,
      ),
  }
}

function byAgent(
  { name, notation, signedStatement }: Extract<CoseHand, { kind: 'agent' }>,
  publicKey: KeyObject,
  chain: Certificate[] | null,
): CertifiedKey {
  const certificates = chain?.map(({ bytes }) => toBase64(bytes)) ?? null
  return {
    name,
    publicKey,
    chain,
    notation: ({ mediaType, digest, size }) =>
      notation({ subject: { mediaType, digest, size }, certificates: certificates ?? [] }),
    statement: (about) =>
      signedStatement({ subject: about.subject, name: about.name, payload: sha256(about.content), certificates }),
  }
}

function readChain(pem: string): Certificate[] {
  try {
    const blocks = readPem(pem, 'certificate').filter(({ label }) => label === 'CERTIFICATE')
    if (blocks.length > 0 && blocks.length <= mostCertificates)
      return blocks.map(({ bytes }, n) => parseCertificate(bytes, `certificate ${n + 1}`, 'signer'))
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw new InputError('file-invalid', cause.message, { subject: 'certificate', cause, remedy: 'Give a PEM file.' })
  }
  throw new InputError('file-invalid', `certificate: expected 1 to ${mostCertificates} PEM certificates`, {
    subject: 'certificate',
    remedy: 'Give the certificates of key, the leaf first, the self-signed root last.',
  })
}
