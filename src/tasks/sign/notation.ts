import type { Log } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import { attachNotation, findNotation } from '../../sign/notation/attach.ts'
import { notationPayload } from '../../sign/notation/payload.ts'
import { judgeNotation } from '../../sign/notation/verify.ts'
import { writeNotation } from '../../sign/notation/write.ts'
import type { CertifiedKey } from './certified.ts'
import type { Published } from './source.ts'
import type { Receipt } from './writer.ts'

/**
 * Signs the image in a COSE envelope of the Notary Project, unless a good one under the same certificate is attached already.
 *
 * @throws InputError `file-invalid` for certificates that the profile of the Notary Project does not allow
 */
export async function signForNotation(
  { store, descriptor }: Published,
  { signer, chain }: CertifiedKey,
  { now, log }: { now: Date; log: Log },
): Promise<Receipt> {
  const certificates = chain ?? []
  const receipt = { kind: 'notation-signature', signer: 'key', payload: sha256(notationPayload(descriptor)) } as const
  const found = await findNotation(store, descriptor, ({ manifest }) => {
    log.debug(`an attached signature in ${manifest} cannot be read`)
  })
  const trust = { store: certificates.slice(0, 1), identities: '*' as const, stampedTime: null, now }
  const present = found.find(({ signature }) => judgeNotation(signature, descriptor, trust).every(({ ok }) => ok))
  if (present !== undefined) return { ...receipt, manifest: present.manifest, state: 'present' }
  const request = { target: descriptor, chain: certificates, signer, signingTime: now }
  const put = await attachNotation(store, descriptor, await writeNotation(request, 'cose'), 'cose')
  return { ...receipt, manifest: put.digest, state: 'added' }
}
