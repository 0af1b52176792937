import { VerificationError } from '../base/errors.ts'
import type { Certificate } from '../encoding/x509/certificate.ts'
import { verifySignerPath } from '../sign/certificate/chain.ts'
import { describeKey } from '../sign/public-key.ts'
import type { Statement } from '../statement/types.ts'
import type { Artifact } from './artifact.ts'
import { checkContent, checkSignature } from './content.ts'
import type { SealedBundle } from './read.ts'

/** What a bundle by a certificate of an own authority proves. */
export interface OwnAuthorityBundle {
  /** Leaf first, root last. */
  path: readonly Certificate[]
  statement: Statement | null
}

/**
 * Verifies a bundle whose certificate belongs to an authority that the reader pins, without logs and time stamps. Since nothing says when it signed,
 * the certificates have to be valid now.
 *
 * @param chain of the authority; root last
 * @throws VerificationError as `verifyBundle`
 */
export function verifyByAuthority(
  bundle: SealedBundle,
  artifact: Artifact,
  {
    chain,
    predicateTypes,
    now,
  }: { chain: readonly Certificate[]; predicateTypes?: readonly string[] | undefined; now: Date },
): OwnAuthorityBundle {
  const { material } = bundle
  if (material.kind === 'key')
    throw new VerificationError(
      'key-mismatch',
      'a certificate is expected to have signed, but the bundle is signed with a public key',
      { subject: 'bundle', remedy: 'Give the public key.' },
    )
  const { leaf, others } = material
  checkSignature(bundle.content, describeKey(leaf.key, leaf.name), artifact)
  const statement = checkContent(bundle.content, artifact, predicateTypes)
  const authority = { name: chain.at(-1)?.name ?? 'the authority', chain, window: { notBefore: null, notAfter: null } }
  const { path } = verifySignerPath(leaf, others, [authority], now)
  return { path, statement }
}
