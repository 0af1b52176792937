import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { parseReference } from '../../oci/reference.ts'
import type { Store } from '../../oci/types.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { simpleSigningPayload } from '../../sign/simple-signing.ts'
import type { Signer } from '../../statement/types.ts'
import type { Policy } from '../../verify/policy/load.ts'
import { openWriter, type StatementWriter } from '../sign/writer.ts'
import type { Transfer } from '../promote/promote.ts'

/**
 * Whether a key may sign in cosign's older form at the target: readers of that form check nothing but the key, so it must be one that the policy of the
 * target trusts for images.
 *
 * @throws InputError `input-missing` without a key, `input-invalid` for one that is no release key of the policy
 */
export function requireReissuer(key: Pick<Signer, 'publicKeyPem'> | null, { releaseKeys }: Policy): void {
  if (key === null)
    throw new InputError('input-missing', '`reissue` needs a key: cosign’s older signatures know no other signer', {
      subject: 'reissue',
      remedy: 'Set `signer: key` and `key`, or leave `reissue` out.',
    })
  const pem = loadPublicKey(key.publicKeyPem, 'signer').pem
  if (releaseKeys.some((one) => loadPublicKey(`${one.pem.trim()}\n`, 'release-keys').pem === pem)) return
  throw new InputError(
    'input-invalid',
    '`reissue`: the policy of the target does not name this key in `release-keys`',
    {
      subject: 'reissue',
      remedy: 'Sign with a key of `release-keys`, or have the policy name it: `to-policy` is the one of the target.',
    },
  )
}

/**
 * Signs the copy in cosign's older form for its new name: that form names the repository, and guests of Confidential Containers compare it with the
 * one they pull. The image and the children of an index are signed; what the key signed before is not signed again.
 *
 * @param store of the copy; its tags are the caller's to commit
 * @returns what looks after the signatures once they are there
 */
export async function reissue(
  { place, copied, to }: Pick<Transfer, 'place' | 'copied' | 'to'>,
  key: Signer,
  store: Store,
  ports: Ports,
): Promise<StatementWriter[]> {
  const reference = parseReference(place, ports.roots.cwd)
  const writers: StatementWriter[] = []
  const own = copied.filter(({ attached }) => !attached)
  for (const { digest } of own) {
    const descriptor = await store.resolve({ digest })
    if (descriptor === null) continue
    const published = { store, descriptor, reference, tag: to.tag, plain: digest, index: null }
    const writer = await openWriter(published, { legacy: { att: false, sig: true }, log: ports.log })
    const payload = simpleSigningPayload({ dockerReference: store.identity, digest })
    await writer.imageSignature(payload, { ...key, name: 'key' }, () => key.sign(payload))
    await writer.finish()
    writers.push(writer)
  }
  return writers
}
