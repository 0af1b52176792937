import { asInput } from '../../base/as-input.ts'
import { VerificationError, type ReasonCode } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { ResolvedBase } from '../../build/driver.ts'
import type { BuildOptions } from '../../build/types.ts'
import type { Digest } from '../../oci/types.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { parseTrustedRoot } from '../../sign/trusted-root.ts'
import { seconds } from '../../verify/policy/duration.ts'
import { identityRules } from '../../verify/policy/identities.ts'
import { skewMs } from '../../verify/status/effective.ts'
import { readNotices } from '../../verify/status/read.ts'
import { basesPolicyDigest, policyOfJobs, type BasesPolicy } from './bases-policy.ts'

/**
 * Admits bases that carry a promotion record of class golden for the very repository that they are named in. A record travels with an image that is copied
 * on, so one for another place does not count. Of records by keys, identities and jobs the newest decides.
 *
 * @throws InputError `file-invalid` for a key or a trusted root that cannot be used
 */
export function goldenBases(
  policy: BasesPolicy,
  ports: Ports,
  now: () => Date = () => ports.clock.now(),
): NonNullable<BuildOptions['admitBases']> {
  const publicKeys = (policy.keys ?? []).map((pem) => asInput('bases-policy', () => loadPublicKey(`${pem.trim()}\n`)))
  const root = policy['trusted-root']
  const trust = {
    publicKeys,
    identities: identityRules(policy.identities ?? []),
    trustedRoot: root === undefined ? null : asInput('bases-policy', () => parseTrustedRoot(Buffer.from(root))),
  }
  const maxAge = policy['max-age']
  let jobs: ReturnType<typeof policyOfJobs> | null = null
  const admit = async (base: ResolvedBase): Promise<Digest> => {
    const { text, name, digest, store } = base
    const at = now()
    const notices = await readNotices('promotion', store, digest, trust, at)
    const trusted = await (jobs ??= policyOfJobs(policy))
    const byJobs =
      trusted === null
        ? { counted: [], others: [], refused: null }
        : await (await import('./golden-jobs.ts')).goldenByJobs(trusted, base, maxAge ?? null, at, ports)
    // What cannot be read may say that the base is golden no more.
    const [broken] = notices.broken
    if (broken !== undefined) throw refused(broken.error.code, text, broken.error.message)
    const counted = [...notices.counted, ...byJobs.others]
    const here = [...notices.counted.filter(({ predicate }) => predicate.to.name === name), ...byJobs.counted]
    // Of two records of one second nobody knows which is newer, so the one that is not golden counts.
    const [newest] = here.toSorted(
      (a, b) =>
        Date.parse(b.predicate.promotedOn) - Date.parse(a.predicate.promotedOn) ||
        Number(a.predicate.class === 'golden') - Number(b.predicate.class === 'golden'),
    )
    if (newest === undefined) {
      const { refused: why } = byJobs
      if (why !== null) throw refused(why.reason ?? 'denied', text, why.why)
      const [elsewhere] = counted
      if (elsewhere !== undefined)
        throw refused('denied', text, `its promotion record is for ${elsewhere.predicate.to.name}`)
      const byJobsAlone = policy.keys === undefined && policy.identities === undefined
      if (notices.foreign.length > 0)
        throw byJobsAlone
          ? refused('missing-evidence', text, 'no evidence is attached that names the key of its promotion record')
          : refused('claim-signer', text, 'its promotion record is by another signer')
      throw refused('missing-statement', text, 'it has no promotion record')
    }
    const { predicate, payload } = newest
    if (predicate.class !== 'golden')
      throw refused('denied', text, `its promotion record has the class ${predicate.class ?? 'none'}`)
    const age = (at.getTime() - Date.parse(predicate.promotedOn)) / 1000
    // Nothing that is signed later would be newer than such a record.
    if (age < -skewMs / 1000)
      throw refused('expired', text, `its record is dated in the future (${predicate.promotedOn})`)
    if (maxAge !== undefined && age > seconds(maxAge))
      throw refused('expired', text, `it was promoted ${predicate.promotedOn}; the bases policy allows ${maxAge}`)
    return payload
  }
  return { policy: basesPolicyDigest(policy), admit }
}

function refused(code: ReasonCode, base: string, why: string): VerificationError {
  return new VerificationError(code, `the base ${base} is outside of what \`bases: golden\` admits: ${why}`, {
    subject: base,
    remedy: 'Promote it first (sealwright promote --class golden), or name a base that is golden.',
  })
}
