import type { Crl } from '../../encoding/x509/crl.ts'
import { verifyTimestamp } from '../../log/timestamp/verify.ts'
import { eachNotation, type AttachedNotation } from '../../sign/notation/attach.ts'
import { revocationOf } from '../../sign/notation/revocation.ts'
import { judgeNotation, type NotationTrust } from '../../sign/notation/verify.ts'
import type { Descriptor, Digest } from '../../oci/types.ts'
import type { Gate } from '../candidate.ts'
import type { NotationRules } from '../policy/cose.ts'
import { readCrlFiles } from '../policy/crl-files.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** A signature of the Notary Project by whom the policy names, in addition to all that the gate asks for otherwise (docs/cose.md). */
export const notationSteps: Step[] = [
  { id: 'notation.signature', clause: 'TRUST §6', needs: [], run: async (gate) => (await judgedOnce(gate)).signature },
  { id: 'notation.revocation', clause: 'TRUST §6', needs: [], run: revocation },
]

interface JudgedNotation {
  signature: Outcome
  /** What lists of revoked certificates say of the signatures that pass every check: the best of them. */
  revocation: Revocation
}

type Revocation =
  { is: 'good'; why: string; manifest: Digest } | { is: 'unknown' | 'revoked'; why: string } | { is: 'none' }

const known = new WeakMap<Gate, Promise<JudgedNotation>>()

/** Both steps read the signatures of one gate. */
function judgedOnce(gate: Gate): Promise<JudgedNotation> {
  const found = known.get(gate) ?? judged(gate)
  known.set(gate, found)
  return found
}

/** The best signature counts: anybody may attach others beside it, of which none is kept. */
async function judged({ policy, subject, at }: Gate): Promise<JudgedNotation> {
  const rules = policy.notation
  if (rules === null)
    return { signature: skipped('the policy asks for no signature of the Notary Project'), revocation: { is: 'none' } }
  let lists: Crl[] | null = null
  const trust = trustOf(rules, { policy, at })
  let fault: string | null = null
  let first: AttachedNotation | null = null
  let best: Revocation = { is: 'none' }
  for (const target of await targetsOf(subject)) {
    for await (const one of eachNotation(subject.store, target, ({ error }) => (fault ??= error.message))) {
      const wrong = judgeNotation(one.signature, target, trust).find(({ ok }) => !ok)
      if (wrong !== undefined) {
        fault ??= `${one.manifest}: ${wrong.name}: ${wrong.why}`
        continue
      }
      first ??= one
      lists ??= rules.crls === null ? [] : await readCrlFiles(rules.crls)
      const next = revocationBy(one, lists, at)
      if (rank[next.is] > rank[best.is]) best = next
    }
  }
  if (first !== null) {
    const { chain } = first.signature
    const signature = passed(`signed by ${chain[0]?.name ?? ''} (${chain[0]?.fingerprint ?? ''})`, first.manifest)
    return { signature, revocation: best }
  }
  const signature =
    fault === null
      ? failed('notation-missing', 'no signature of the Notary Project is attached', subject.descriptor.digest)
      : failed('notation-invalid', fault, subject.descriptor.digest)
  return { signature, revocation: best }
}

/** One signature whose certificates are not revoked is enough; one of which nothing is known is better than a revoked one. */
const rank: Readonly<Record<Revocation['is'], number>> = { none: 0, revoked: 1, unknown: 2, good: 3 }

function revocationBy({ signature, manifest }: AttachedNotation, lists: readonly Crl[], at: Date): Revocation {
  if (signature.chain.length === 1)
    return { is: 'good', why: 'the signer has no authority that could revoke it', manifest }
  const { revoked, unknown } = revocationOf(signature.chain, lists, at)
  if (revoked !== null) return { is: 'revoked', why: revoked }
  if (unknown !== null) return { is: 'unknown', why: unknown }
  return { is: 'good', why: `no certificate of the chain is revoked, by ${lists.length} list(s)`, manifest }
}

/** The manifest, and the indexes that were named on the way to it: their digests cover it. */
export async function targetsOf({ store, descriptor, via }: Gate['subject']): Promise<Descriptor[]> {
  const indexes = await Promise.all(via.map(async (digest) => (await store.getManifest(digest)).descriptor))
  return [descriptor, ...indexes]
}

function trustOf(
  { store, signingAuthorities, identities }: NotationRules,
  { policy, at }: Pick<Gate, 'policy' | 'at'>,
): NotationTrust {
  const authorities = policy.time.authorities
  return {
    store,
    signingAuthorities,
    identities,
    stampedTime: authorities.length === 0 ? null : (token, signature) => verifyTimestamp(token, signature, authorities),
    now: at,
  }
}

/** Where nothing is known of any signature that counts, the policy must accept that. */
async function revocation(gate: Gate): Promise<Outcome> {
  if (gate.policy.notation === null) return skipped('the policy asks for no signature of the Notary Project')
  const { revocation: best } = await judgedOnce(gate)
  if (best.is === 'none') return skipped('no signature counts')
  if (best.is === 'good') return passed(best.why, best.manifest)
  return best.is === 'unknown'
    ? unlessAccepted(gate, 'accept-unknown-revocation', 'revocation-unknown', best.why)
    : failed('revoked', best.why)
}
