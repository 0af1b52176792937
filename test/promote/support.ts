import { openState } from '../../src/agent/state.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { openPromoter, type Promotion, type PromotionEntry, type PromotionRun } from '../../src/tasks/receive/run.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { GatePolicy } from '../../src/tasks/verify/gate-policy.ts'
import { forgeChain, makeIssuer, makeKey, type ChainBase, type ChainKey } from '../../testkit/chain.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

export const ports = testPorts()
export const open = (text: string): Store => openStore(parseReference(text, '/'), ports)
export const receiver: ChainKey = makeKey()

/** Signs records with a key. */
export const byKey = (key: ChainKey = receiver): PromotionRun['signing'] => ({
  signer: 'key',
  key: { kind: 'pem', text: key.key.export({ format: 'pem', type: 'pkcs8' }).toString(), passwords: [] },
  keyless: null,
  timestamp: null,
})
const unsigned: PromotionRun['signing'] = { signer: 'none', key: null, keyless: null, timestamp: null }

export interface Place {
  from: string
  digest: Digest
  base: ChainBase
  policy: GatePolicy
  /** The policy that admits the image, with changes. */
  policyWith(changes: Record<string, unknown>): Promise<GatePolicy>
  run(to: string, more?: More): Promise<Promotion>
}

export interface More extends Partial<Omit<PromotionEntry, 'filter' | 'word'>>, Partial<PromotionRun> {
  include?: string[]
  exclude?: string[]
  environment?: string
  class?: 'golden' | 'archive'
  supersedes?: Digest[]
}

export async function gatePolicy(text: string): Promise<GatePolicy> {
  const policy = await parsePolicy(text, '/policy.yml')
  return { text, path: '/policy.yml', files: new Map(), collateral: null, log: null, policy }
}

/** An image with the chain of one job, tagged `latest` in a store of its own. */
export async function place(from = `oci:${scratch()}`): Promise<Place> {
  const issuer = makeIssuer()
  const base = await smallBase(open(from), await putSmallImage(open(from), smallFiles))
  await forgeChain(open(from), base, { issuer, at: new Date() })
  const policyWith = (changes: Record<string, unknown>): Promise<GatePolicy> =>
    gatePolicy(policyText(base, issuer, changes))
  const policy = await policyWith({})
  const state = openState(scratch('state'), ports)
  return {
    from: `${from}:latest`,
    digest: base.subject.digest,
    base,
    policy,
    policyWith,
    run: async (to, more = {}) => {
      const { include = [], exclude = [], environment = null, supersedes = [], ...rest } = more
      const promoter = await openPromoter(
        {
          signing: unsigned,
          reissue: false,
          inProduction: null,
          renewAfter: null,
          dryRun: false,
          collateral: null,
          keySource: 'decryption-key',
          keys: { decryptionKey: false, kbs: null },
          secret: () => Promise.resolve(null),
          ...rest,
        },
        { ports, state },
      )
      return promoter.promote({
        from: `${from}:latest`,
        to,
        policy,
        toPolicy: null,
        ...rest,
        filter: { include, exclude },
        word: { environment, class: more.class ?? null, supersedes },
      })
    },
  }
}
