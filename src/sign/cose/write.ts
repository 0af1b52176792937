import type { KeyObject } from 'node:crypto'
import { InputError } from '../../base/errors.ts'
import { valueOf } from '../../encoding/cbor/item.ts'
import type { Label } from '../../encoding/cbor/label-map.ts'
import { encodeCbor } from '../../encoding/cbor/write.ts'
import { CborTag, type CborValue } from '../../encoding/cbor/types.ts'
import { algorithmOf, signBytes } from './algorithms.ts'
import { headers, sign1Tag } from './labels.ts'
import { sigStructure, withUnprotected, type Sign1 } from './sign1.ts'

/** Who signs COSE messages: signatures in the form of COSE, by one algorithm. */
export interface CoseSigner {
  /** Number of the algorithm, for the protected header. */
  readonly algorithm: number
  readonly publicKey: KeyObject
  sign(bytes: Uint8Array): Promise<Buffer>
}

export interface NewSign1 {
  /** Signed parameters; the algorithm is added. */
  readonly protected: ReadonlyMap<CborValue, CborValue>
  readonly unprotected?: ReadonlyMap<CborValue, CborValue> | undefined
  readonly payload: Uint8Array
  /** Whether the message leaves its payload out. Default: no. */
  readonly detached?: boolean | undefined
  readonly externalAad?: Uint8Array | undefined
}

/** Signs with a private key, by the algorithm that belongs to it. @throws InputError `unsupported` */
export function coseSigner(privateKey: KeyObject, publicKey: KeyObject): CoseSigner {
  const algorithm = algorithmOf(publicKey)
  if (algorithm === null)
    throw new InputError('unsupported', 'COSE has no algorithm for this kind of key', {
      subject: 'key',
      remedy: 'Use EC P-256, P-384 or P-521, RSA of 2048 bits or more, or Ed25519.',
    })
  return { algorithm: algorithm.id, publicKey, sign: (bytes) => signBytes(algorithm, privateKey, bytes) }
}

/** Makes a COSE_Sign1 message with its tag, in deterministic encoding (RFC 9052 §4.2). */
export async function writeSign1(message: NewSign1, signer: CoseSigner): Promise<Buffer> {
  const all = new Map<CborValue, CborValue>([...message.protected, [headers.alg, signer.algorithm]])
  const protectedBytes = encodeCbor(all)
  const { payload, externalAad = Buffer.alloc(0), unprotected = new Map<CborValue, CborValue>() } = message
  const signature = await signer.sign(sigStructure(protectedBytes, externalAad, payload))
  const members = [protectedBytes, unprotected, message.detached === true ? null : payload, signature]
  return encodeCbor(new CborTag(sign1Tag, members))
}

/** The message with one more parameter in its unprotected header; the signed parts stay as they were sent. */
export function withParameter(message: Sign1, label: Label, value: CborValue): Buffer {
  const header = valueOf(message.unprotectedItem)
  return withUnprotected(message, encodeCbor(new Map([...(header instanceof Map ? header : []), [label, value]])))
}
