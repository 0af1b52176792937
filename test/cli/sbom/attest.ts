import { putArtifact } from '../../../src/oci/artifact.ts'
import type { Described } from '../../../src/sbom/scan.ts'
import { attachBundle } from '../../../src/sign/attach.ts'
import { makeBundle } from '../../../src/sign/bundle.ts'
import { signEnvelope } from '../../../src/sign/dsse.ts'
import { inventoryPredicate } from '../../../src/statement/inventory.ts'
import { makeStatement } from '../../../src/statement/statement.ts'
import { inventoryArtifactType, inventoryMediaType, predicateTypes } from '../../../src/statement/types.ts'
import type { MadeImage } from '../../image/make-image.ts'
import { makeKey } from '../../../testkit/chain.ts'

export type Key = ReturnType<typeof makeKey>
type Kind = 'spdx' | 'cyclonedx' | 'inventory'
/** The key of whom the test trusts, and another one. */
export const [ours, theirs] = [makeKey(), makeKey()]

/** Attaches what was described to a manifest of an image, signed. */
export async function attest(
  made: Pick<MadeImage, 'store' | 'image'>,
  described: Described,
  kinds: Kind[],
  key: Key = ours,
): Promise<void> {
  const subject = made.image.descriptor
  for (const kind of kinds) {
    if (kind === 'inventory') {
      const layer = { mediaType: inventoryMediaType, bytes: described.inventory }
      await putArtifact(made.store, { artifactType: inventoryArtifactType, subject, layers: [layer] })
    }
    const predicate =
      kind === 'inventory'
        ? inventoryPredicate({
            document: {
              digest: described.inventoryDigest,
              mediaType: inventoryMediaType,
              size: described.inventory.length,
            },
            config: made.image.configDigest,
            diffIds: made.image.config.rootfs.diff_ids,
            files: described.pass.inventory.length,
          })
        : { document: described[kind] }
    const envelope = await signEnvelope(makeStatement(kind, { digest: subject.digest }, predicate), key.signer)
    await attachBundle(made.store, subject, makeBundle(envelope, key.signer.hint), predicateTypes[kind])
  }
}
