import { verifyTimestamp } from '../../log/timestamp/verify.ts'
import { findNotation, type AttachedNotation } from '../../sign/notation/attach.ts'
import { revocationOf } from '../../sign/notation/revocation.ts'
import { judgeNotation, type NotationTrust } from '../../sign/notation/verify.ts'
import type { Descriptor } from '../../oci/types.ts'
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
  /** Signatures that pass every check, with what they are about. */
  good: AttachedNotation[]
}

const known = new WeakMap<Gate, Promise<JudgedNotation>>()

/** Both steps read the signatures of one gate. */
function judgedOnce(gate: Gate): Promise<JudgedNotation> {
  const found = known.get(gate) ?? judged(gate)
  known.set(gate, found)
  return found
}

/** The best signature counts: anybody may attach others beside it. */
async function judged({ policy, subject, at }: Gate): Promise<JudgedNotation> {
  const rules = policy.notation
  if (rules === null) return { signature: skipped('the policy asks for no signature of the Notary Project'), good: [] }
  const faults: string[] = []
  const good: AttachedNotation[] = []
  for (const target of await targetsOf(subject)) {
    const found = await findNotation(subject.store, target, ({ error }) => faults.push(error.message))
    for (const one of found) {
      const wrong = judgeNotation(one.signature, target, trustOf(rules, { policy, at })).find(({ ok }) => !ok)
      if (wrong === undefined) good.push(one)
      else faults.push(`${one.manifest}: ${wrong.name}: ${wrong.why}`)
    }
  }
  const [first] = good
  if (first !== undefined) {
    const { chain } = first.signature
    return {
      signature: passed(`signed by ${chain[0]?.name ?? ''} (${chain[0]?.fingerprint ?? ''})`, first.manifest),
      good,
    }
  }
  const [why] = faults
  const signature =
    why === undefined
      ? failed('notation-missing', 'no signature of the Notary Project is attached', subject.descriptor.digest)
      : failed('notation-invalid', why, subject.descriptor.digest)
  return { signature, good }
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

/** One signature whose certificates are not revoked is enough; where nothing is known of any, the policy must accept that. */
async function revocation(gate: Gate): Promise<Outcome> {
  const { policy, at } = gate
  if (policy.notation === null) return skipped('the policy asks for no signature of the Notary Project')
  const { good } = await judgedOnce(gate)
  if (good.length === 0) return skipped('no signature counts')
  const lists = policy.notation.crls === null ? [] : await readCrlFiles(policy.notation.crls)
  let unknown: string | null = null
  let revoked: string | null = null
  for (const { signature, manifest } of good) {
    if (signature.chain.length === 1) return passed('the signer has no authority that could revoke it', manifest)
    const status = revocationOf(signature.chain, lists, at)
    if (status.revoked === null && status.unknown === null)
      return passed(`no certificate of the chain is revoked, by ${lists.length} list(s)`, manifest)
    revoked ??= status.revoked
    if (status.revoked === null) unknown ??= status.unknown
  }
  if (unknown !== null) return unlessAccepted(gate, 'accept-unknown-revocation', 'revocation-unknown', unknown)
  return failed('revoked', revoked ?? 'a certificate is revoked')
}
