import { join } from 'node:path'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { mediaTypes, type Descriptor, type Digest, type Index, type Store } from '../../src/oci/types.ts'
import { carryStatuses, type CarriedStatus } from '../../src/tasks/status/carry.ts'
import { setStatus, type NewStatus, type SetStatus, type SetStatusRequest } from '../../src/tasks/status/set.ts'
import { parsePolicy, type Policy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { forgeChain, makeIssuer, makeKey, type ChainBase, type ChainKey } from '../../testkit/chain.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallBase, smallClaims, smallFiles } from '../../testkit/small-image.ts'

/** Revocation from the publisher's source to the gate of a receiver that copied the image long ago. */
export const issuer = makeIssuer()
export const publisher = makeKey()
export const stranger = makeKey()
export const start = new Date()
const day = 86_400_000
export const after = (days: number): Date => new Date(start.getTime() + days * day)

const base = testPorts()
/** The time, which a test moves. */
export const clock = { now: start }
export const ports = { ...base, clock: { ...base.clock, now: () => clock.now } }
export const open = (text: string): Store => openStore(parseReference(text, '/'), ports)
export const pemOf = ({ key }: ChainKey): string => key.export({ format: 'pem', type: 'pkcs8' }).toString()

export const policyOf = (changes: object = {}): Promise<Policy> =>
  parsePolicy(
    policyText({ claims: smallClaims } as unknown as ChainBase, issuer, {
      status: { keys: [publisher.signer.publicKeyPem], 'max-age': '7d' },
      'max-age': '365d',
      ...changes,
    }),
    '/policy.yml',
  )

export function say(
  image: string,
  status: NewStatus,
  more: Partial<SetStatusRequest> = {},
  by = publisher,
): Promise<SetStatus[]> {
  const signing = { key: { kind: 'pem', text: pemOf(by), passwords: [] }, timestamp: null } as const
  const request = { image, status, serial: null, validSeconds: null, renew: false, only: false, signing, ...more }
  return setStatus(request, ports)
}

interface Place {
  from: string
  to: string
  children: Digest[]
  index: Digest
  carry(): Promise<string[]>
  gate(reference?: string, at?: Date): Promise<Verdict>
}

/** An index of two images at the source, and its copy at a receiver. */
export async function place(to = `oci:${join(scratch('receiver'), 'layout')}`): Promise<Place> {
  const from = `oci:${join(scratch('source'), 'layout')}`
  const store = open(from)
  const bases = []
  for (const text of ['one', 'two']) {
    const made = await smallBase(store, await putSmallImage(store, { ...smallFiles, 'app/index.js': text }, text))
    await forgeChain(store, made, { issuer, at: start })
    bases.push(made.subject)
  }
  const entry = ({ mediaType, digest, size }: Descriptor, architecture: string): Descriptor => ({
    mediaType,
    digest,
    size,
    platform: { os: 'linux', architecture },
  })
  const manifests = [entry(bases[0]!, 'amd64'), entry(bases[1]!, 'arm64')]
  const index: Index = { schemaVersion: 2, mediaType: mediaTypes.index, manifests }
  const { digest } = await store.putManifest(manifestBytes(index), mediaTypes.index, { tag: 'app' })
  await say(`${from}:app`, { status: 'active' })
  await copyGraph(store, open(to), digest, { tag: 'prod' })
  return {
    from,
    to,
    index: digest,
    children: manifests.map((one) => one.digest),
    carry: async () => {
      const { statuses } = await carryStatuses({ from, to, policy: await policyOf() }, ports)
      return statuses.map(({ outcome }: CarriedStatus) => outcome)
    },
    gate: async (reference = `${to}:prod`, at = clock.now) => verifyImage(reference, await policyOf(), { at }, ports),
  }
}

export const revoked: NewStatus = { status: 'revoked', reason: 'the build was compromised' }
