import { sha256 } from '../src/base/streams.ts'
import { roles, type EventDraft } from '../src/journal/event.ts'
import type { Descriptor, Digest, Store } from '../src/oci/types.ts'
import { attachBundle } from '../src/sign/attach.ts'
import { makeBundle } from '../src/sign/bundle.ts'
import { signEnvelope } from '../src/sign/dsse.ts'
import { makeStatement } from '../src/statement/statement.ts'
import { predicateTypes } from '../src/statement/types.ts'
import { makeKey, type ChainBase, type ChainKey } from './chain.ts'
import { performed } from './performed.ts'

/** Digest of the policy by which the honest job verified the publisher's image. */
export const receiverPolicy = sha256('the policy of the receiver') as Digest

/** What an agent writes of a verification of an image by a policy. */
export function verification(
  image: Digest,
  policy: Digest = receiverPolicy,
  verified = true,
  more: readonly [string, Digest][] = [],
): EventDraft {
  const artifact = (role: string, digest: Digest): EventDraft['inputs'][number] => ({
    role,
    name: role,
    digest,
    mediaType: 'application/octet-stream',
  })
  return {
    kind: 'verify',
    inputs: [
      artifact(roles.image, image),
      artifact(roles.policy, policy),
      ...more.map(([role, digest]) => artifact(role, digest)),
    ],
    outputs: [artifact(roles.verdict, sha256(`verdict on ${image} ${verified}`) as Digest)],
    ...performed,
    result: { verified, exceptions: [] },
  }
}

/**
 * The chain of a job that admitted an image of others, from that of a job that built it: a verification stands in place of the build, and nothing is
 * signed that only a builder may say.
 */
export function admitted(base: ChainBase, events: readonly EventDraft[] = [verification(base.plain)]): ChainBase {
  return {
    ...base,
    drafts: [...events, ...base.drafts.filter(({ kind }) => kind !== 'build')],
    payloads: base.payloads.filter(({ kind }) => !['sign', 'provenance', 'rebuild'].includes(kind)),
  }
}

/** A publisher with a key, as of cosign. */
export const makePublisher = (): ChainKey => makeKey()

/** Attaches a publisher's signature of an image, as cosign 3 does: to its own digest, whether or not the image is in the store. */
export async function publisherSigns(
  store: Store,
  image: Digest,
  { signer }: ChainKey,
  { about = image, builder }: { about?: Digest; builder?: string } = {},
): Promise<void> {
  const kind = builder === undefined ? 'sign' : 'provenance'
  const payload = builder === undefined ? makeStatement('sign', { digest: about }, {}) : provenance(about, builder)
  const envelope = await signEnvelope(payload, signer)
  const subject = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest: image, size: 1 } as Descriptor
  const found = await store.resolve({ digest: image })
  await attachBundle(store, found ?? subject, makeBundle(envelope, signer.hint), predicateTypes[kind])
}

/** Provenance as another builder writes it. */
function provenance(about: Digest, builder: string): Buffer {
  return Buffer.from(
    JSON.stringify({
      _type: 'https://in-toto.io/Statement/v1',
      subject: [{ name: 'app', digest: { sha256: about.slice('sha256:'.length) } }],
      predicateType: predicateTypes.provenance,
      predicate: {
        buildDefinition: {
          buildType: 'https://actions.github.io/buildtypes/workflow/v1',
          externalParameters: { workflow: { ref: 'refs/tags/v1' } },
          resolvedDependencies: [{ uri: 'git+https://github.com/acme/app', digest: { gitCommit: 'c'.repeat(40) } }],
        },
        runDetails: { builder: { id: builder } },
      },
    }),
  )
}
