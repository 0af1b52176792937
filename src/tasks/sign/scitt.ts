import type { Log } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import { VerificationError } from '../../base/errors.ts'
import { encodeCbor } from '../../encoding/cbor/write.ts'
import { timestampToken } from '../../log/timestamp/sign1.ts'
import { isOwnStamp, type TimeStamper } from '../../log/timestamp/time-stamper.ts'
import { headers } from '../../sign/cose/labels.ts'
import { withParameter } from '../../sign/cose/write.ts'
import { parseSign1 } from '../../sign/cose/sign1.ts'
import { attachStatement, eachStatement, type AttachedStatement } from '../../log/scitt/attach.ts'
import { readStatement } from '../../log/scitt/statement.ts'
import { checkPreimage } from '../../sign/cose/hash-envelope.ts'
import { verifySign1 } from '../../sign/cose/verify.ts'
import type { CertifiedKey } from './certified.ts'
import type { Published } from './source.ts'
import type { Receipt } from './writer.ts'

type Attached = Omit<AttachedStatement, 'receipts'>

/**
 * Signs each statement of this run as a SCITT signed statement: a hash envelope over the bytes of the in-toto statement, which stands in a bundle. What
 * is attached already under the same key is not signed again.
 *
 * @param payloads bytes of the in-toto statements
 * @param name of the image; with its digest it is the subject
 */
export async function signForScitt(
  { store, descriptor }: Published,
  key: CertifiedKey,
  payloads: readonly Buffer[],
  { name, log, stamper }: { name: string; log: Log; stamper: TimeStamper | null },
): Promise<Receipt[]> {
  const existing: Attached[] = []
  const attached = eachStatement(store, descriptor, ({ manifest }) => {
    log.debug(`an attached statement in ${manifest} cannot be read`)
  })
  // Strangers' statements are not held: only what this key signed is compared.
  for await (const one of attached) if (isBy(one, key.publicKey)) existing.push(one)
  const receipts: Receipt[] = []
  for (const content of payloads) {
    const receipt = { kind: 'scitt-statement', signer: key.name, payload: sha256(content) } as const
    const present = existing.find((one) => isOver(one, content, key.publicKey) && (stamper === null || isStamped(one)))
    if (present !== undefined) {
      receipts.push({ ...receipt, manifest: present.manifest.digest, state: 'present' })
      continue
    }
    const statement = await key.statement({ name, subject: descriptor.digest, content })
    const stamped = stamper === null ? statement : await stampedBy(stamper, statement)
    const put = await attachStatement(store, descriptor, stamped)
    receipts.push({ ...receipt, manifest: put.digest, state: 'added' })
  }
  return receipts
}

/** Whether a statement carries a stamp over its encoded signature (RFC 9921), whoever vouches for it. */
function isStamped({ bytes, manifest }: Attached): boolean {
  const { signature, unprotected } = parseSign1(bytes, manifest.digest)
  const token = unprotected.bytes(headers.signThenTimestamp)
  return token !== null && isOwnStamp(token, encodeCbor(signature))
}

async function stampedBy(stamper: TimeStamper, statement: Buffer): Promise<Buffer> {
  const message = parseSign1(statement, 'the new statement')
  const token = timestampToken(await stamper.stamp(encodeCbor(message.signature)))
  return withParameter(message, headers.signThenTimestamp, token)
}

function isBy({ bytes, manifest }: Attached, key: CertifiedKey['publicKey']): boolean {
  try {
    verifySign1(readStatement(bytes, manifest.digest).message, key)
    return true
  } catch (error) {
    if (error instanceof VerificationError) return false
    throw error
  }
}

function isOver({ bytes, manifest }: Attached, content: Buffer, key: CertifiedKey['publicKey']): boolean {
  try {
    const { message, hashEnvelope } = readStatement(bytes, manifest.digest)
    if (hashEnvelope === null) return false
    checkPreimage(hashEnvelope, verifySign1(message, key), content, manifest.digest)
    return true
  } catch (error) {
    if (error instanceof VerificationError) return false
    throw error
  }
}
