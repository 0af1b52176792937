import type { Log } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import { timestampToken } from '../../log/timestamp/sign1.ts'
import { isOwnStamp, type TimeStamper } from '../../log/timestamp/time-stamper.ts'
import type { NotationSignature } from '../../sign/notation/envelope.ts'
import { attachNotation, eachNotation, readNotation } from '../../sign/notation/attach.ts'
import { notationPayload } from '../../sign/notation/payload.ts'
import { judgeNotation } from '../../sign/notation/verify.ts'
import { stampNotation } from '../../sign/notation/write.ts'
import type { CertifiedKey } from './certified.ts'
import type { Published } from './source.ts'
import type { Receipt } from './writer.ts'

/**
 * Signs the image in a COSE envelope of the Notary Project, unless a good one under the same certificate is attached already.
 *
 * @param at.stamper stamps the signature; null leaves it without
 * @throws InputError `file-invalid` for certificates that the profile of the Notary Project does not allow
 */
export async function signForNotation(
  { store, descriptor }: Published,
  key: CertifiedKey,
  { now, log, stamper }: { now: Date; log: Log; stamper: TimeStamper | null },
): Promise<Receipt> {
  const receipt = {
    kind: 'notation-signature',
    signer: key.name,
    payload: sha256(notationPayload(descriptor)),
  } as const
  const trust = { store: key.chain?.slice(0, 1) ?? [], identities: '*' as const, stampedTime: null, now }
  const attached = eachNotation(store, descriptor, ({ manifest }) => {
    log.debug(`an attached signature in ${manifest} cannot be read`)
  })
  for await (const { manifest, signature } of attached) {
    const good = judgeNotation(signature, descriptor, trust).every(({ ok }) => ok)
    if (good && (stamper === null || isStamped(signature))) return { ...receipt, manifest, state: 'present' }
  }
  const envelope = await key.notation(descriptor)
  const stamped = stamper === null ? envelope : await stampedBy(stamper, envelope)
  const put = await attachNotation(store, descriptor, stamped, 'cose')
  return { ...receipt, manifest: put.digest, state: 'added' }
}

function isStamped({ timestamp, signature }: NotationSignature): boolean {
  return timestamp !== null && isOwnStamp(timestamp, signature)
}

async function stampedBy(stamper: TimeStamper, envelope: Buffer): Promise<Buffer> {
  const { signature } = readNotation(envelope, 'cose', 'the new signature')
  return stampNotation(envelope, 'cose', timestampToken(await stamper.stamp(signature)))
}
