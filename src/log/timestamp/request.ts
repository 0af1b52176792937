import { der, integer, octets, oid, sequence, unsigned } from '../../encoding/der-write.ts'
import { digestOf, hashOids, type Hash } from './algorithms.ts'

export interface RequestOptions {
  /** The authority stamps the digest alone and never sees the bytes. */
  hash?: Hash | undefined
  /** Ties the answer to this request; absent for none. */
  nonce?: Uint8Array | undefined
  /** Dotted OID of the policy that is asked for. */
  policy?: string | undefined
  /** Whether the token shall hold the certificate of its signer. Default: true. */
  certificates?: boolean | undefined
}

/** A TimeStampReq (RFC 3161 §2.4.1) for some bytes, in DER: 60 to 130 bytes. */
export function timestampRequest(
  bytes: Uint8Array,
  { hash = 'sha256', nonce, policy, certificates = true }: RequestOptions = {},
): Buffer {
  return sequence(
    integer(1),
    sequence(sequence(oid(hashOids[hash]), der(0x05)), octets(digestOf(hash, bytes))),
    ...(policy === undefined ? [] : [oid(policy)]),
    ...(nonce === undefined ? [] : [unsigned(nonce)]),
    // FALSE is the default, which DER does not write.
    ...(certificates ? [der(0x01, Buffer.from([0xff]))] : []),
  )
}
