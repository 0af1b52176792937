import type { CborValue } from '../../encoding/cbor/types.ts'
import { encodeCbor } from '../../encoding/cbor/write.ts'
import { coseKeyThumbprint } from '../../sign/cose/key.ts'
import { claims, headers } from '../../sign/cose/labels.ts'
import { writeSign1, type CoseSigner } from '../../sign/cose/write.ts'
import type { TreeHead } from '../proof.ts'
import { proofLabels, trees } from './receipt.ts'

/** What a receipt says. */
export interface NewReceipt {
  /** Name of the service, the `iss` of the receipt. */
  readonly issuer: string
  /** Subject of the statement, the `sub` of the receipt; null leaves it out. */
  readonly subject: string | null
  readonly issuedAt: Date
  /** Place of the entry, counted from 0. */
  readonly index: number
  /** The tree that the proof leads to. */
  readonly head: TreeHead
  /** Hashes of the inclusion proof, from the leaf upwards. */
  readonly proof: readonly Buffer[]
}

/** Signs a receipt over the root of a tree of RFC 9162 (RFC 9942 §5.2); the root itself is left out, since the proof gives it. */
export async function writeReceipt(receipt: NewReceipt, signer: CoseSigner): Promise<Buffer> {
  const { issuer, subject, issuedAt, index, head, proof } = receipt
  const named = new Map<CborValue, CborValue>([
    [claims.iss, issuer],
    [claims.iat, Math.floor(issuedAt.getTime() / 1000)],
  ])
  if (subject !== null) named.set(claims.sub, subject)
  const inclusion = encodeCbor([head.size, index, [...proof]])
  return writeSign1(
    {
      protected: new Map<CborValue, CborValue>([
        [headers.kid, coseKeyThumbprint(signer.publicKey)],
        [headers.cwtClaims, named],
        [headers.vds, trees.rfc9162],
      ]),
      unprotected: new Map<CborValue, CborValue>([
        [headers.vdp, new Map<CborValue, CborValue>([[proofLabels.inclusion, [inclusion]]])],
      ]),
      payload: head.root,
      detached: true,
    },
    signer,
  )
}
