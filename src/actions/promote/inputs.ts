import { digestInput } from '../../oci/digest.ts'
import type { Digest } from '../../oci/types.ts'
import { timestampUrl } from '../../log/timestamp/client.ts'
import type { RawInputs } from '../../doors/context.ts'
import { optional, optionalDigest, optionalPath, optionalText } from '../shared/optional.ts'
import { promotionClasses } from '../../statement/promotion.ts'
import { parseInterval } from '../../tasks/archive/interval.ts'
import { isSubscribed, perEntry, requireNone } from '../../tasks/receive/given.ts'
import type { PromotionRun } from '../../tasks/receive/run.ts'
import { readRepositories, readSubscription, type SubscriptionEntry } from '../../tasks/receive/subscription/file.ts'
import type { StatusesAsked } from '../../tasks/receive/subscription/statuses.ts'
import { loadGatePolicy } from '../../tasks/verify/gate-policy.ts'
import { durationInput } from '../../verify/policy/duration.ts'
import { readKeyless } from '../sign-attest/keyless.ts'
import { readKeyInputs } from '../shared/keys.ts'
import type { KeyInputs } from '../../tasks/key-request.ts'
import { readSigner } from '../shared/signer.ts'

export interface PromoteInputs {
  /** Many images: by `subscription`, `tags` or `repositories`. */
  many: boolean
  refresh: boolean
  entries: SubscriptionEntry[]
  supersedes: Digest[]
  run: Omit<PromotionRun, 'keys' | 'secret'>
  keys: KeyInputs
}

/** @throws InputError `input-missing`, `input-invalid`, `file-missing`, `file-invalid` */
export async function readInputs(raw: RawInputs): Promise<PromoteInputs> {
  const { signer, key } = await readSigner(raw, ['agent', 'keyless', 'none'])
  const keyless = await readKeyless(raw, signer === 'none' ? 'key' : signer)
  const keys = await readKeyInputs(raw)
  const subscribed = isSubscribed(raw)
  const timestamp = optional(raw, 'timestamp', timestampUrl)
  return {
    many: subscribed || raw.text('tags') + raw.text('repositories') !== '',
    refresh: raw.boolean('refresh'),
    entries: subscribed ? await readSubscription(raw.path('subscription')) : [await single(raw)],
    supersedes: raw.list('supersedes').map((text) => digestInput('supersedes', text)),
    keys,
    run: {
      signing: { signer, key, keyless, timestamp },
      inProduction: optional(raw, 'in-production', (text) => parseInterval(text, 'in-production')),
      renewAfter: optional(raw, 'renew-after', (text) => durationInput('renew-after', text)),
      reissue: raw.boolean('reissue'),
      dryRun: raw.boolean('dry-run'),
      collateral: optionalPath(raw, 'collateral'),
      keySource: keys.kbsUrl === '' ? 'decryption-key' : keys.kbsUrl,
    },
  }
}

/** What `status-only` reads; an input that it would ignore is refused. @throws as {@link readInputs}; VerificationError `policy-invalid` */
export async function readCarry(raw: RawInputs): Promise<StatusesAsked> {
  const ignored = [...perEntry.slice(4), 'in-production', 'renew-after']
  requireNone(raw, 'status-only', ignored, (name) => `Leave \`${name}\` out: only statements are carried.`)
  if (isSubscribed(raw))
    return { entries: await readSubscription(raw.path('subscription')), dryRun: raw.boolean('dry-run') }
  const { policy } = await loadGatePolicy(
    raw.path('policy', raw.required('policy')),
    optionalDigest(raw, 'policy-digest'),
  )
  return { from: raw.required('from'), to: raw.required('to'), policy, dryRun: raw.boolean('dry-run') }
}

async function single(raw: RawInputs): Promise<SubscriptionEntry> {
  return {
    from: raw.required('from'),
    to: raw.required('to'),
    tags: raw.list('tags', true),
    repositories: raw.text('repositories') === '' ? [] : await readRepositories(raw.path('repositories')),
    policy: raw.required('policy') && raw.path('policy'),
    policyDigest: optionalDigest(raw, 'policy-digest'),
    toPolicy: optionalPath(raw, 'to-policy'),
    include: raw.list('include'),
    exclude: raw.list('exclude'),
    class: optional(raw, 'class', () => raw.choice('class', promotionClasses)),
    environment: optionalText(raw, 'environment'),
  }
}
