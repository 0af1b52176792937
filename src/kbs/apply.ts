import { createHmac } from 'node:crypto'
import { z } from 'zod'
import { InputError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { Log } from '../base/ports.ts'
import { ifAuthorized } from './call.ts'
import { isSameReferenceValue, type KbsAdmin } from './client.ts'
import type { Desired } from './plan.ts'
import type { Ledger, Withdrawal } from './managed.ts'
import type { WrittenKeys } from './written-keys.ts'
import { parseKbsUri } from './uri.ts'

/** What was written to one KBS, so that the next run knows what changed. Values of secrets stand here only under a salted MAC. */
export const writtenSchema = z.strictObject({
  v: z.literal(1),
  salt: z.string(),
  resources: z.record(z.string(), z.string()),
  referenceValues: z.record(z.string(), z.string()),
  attestationPolicy: z.string().nullable(),
  resourcePolicy: z.string().nullable(),
})
export type Written = z.infer<typeof writtenSchema>

/** The bytes of a resource, and which server may get them. */
export interface Secret {
  bytes: Buffer
  /** The key that the server must show; null for any that its certificate vouches for. */
  serverKey: string | null
}

export interface ApplyOptions {
  kbs: KbsAdmin
  desired: Desired
  /** The policy while the bytes of these URIs are written, and evidence may be judged anew; null where the policy is somebody else's. */
  closed: (writing: readonly string[], judgedAnew: boolean) => string | null
  /** A resource; asked for each that is to be compared or written. Null for a key that its agent gave to a KBS already. */
  secret: (uri: string) => Promise<Secret | null>
  /** Whether a resource can be had, without taking it: all are asked for before the first one is written. */
  available: (uri: string) => Promise<boolean>
  /** Which paths hold a fresh key of an earlier job. */
  keys: WrittenKeys
  /** Keeps the digest of the policy that was written for the next job. */
  mark: (digest: string) => Promise<void>
  /** What earlier runs of this plan wrote and it does not name any more. */
  withdrawn: Withdrawal
  /** The record of what plans manage. */
  ledger: Ledger
  written: Written
  /** Keeps what was written so far; called after each step. */
  save: (written: Written) => Promise<void>
  log: Log
  /** Only say what would change. */
  dryRun: boolean
  /** This KBS shows no policy's text: one that does not change is written again all the same, because another tool may have replaced it. */
  hidesPolicies: boolean
}

/** One line of a plan. */
export interface Change {
  what: string
  /** `kept`: it stands there since an earlier release, and only its rule is written. `withdrawn`: an earlier run wrote it, and the plan does not name it any more. */
  action: 'write' | 'unchanged' | 'kept' | 'withdrawn'
}

/** @param salt 32 random bytes */
export function nothingWritten(salt: Buffer): Written {
  return {
    v: 1,
    salt: salt.toString('hex'),
    resources: {},
    referenceValues: {},
    attestationPolicy: null,
    resourcePolicy: null,
  }
}

/**
 * Brings a KBS to the desired state. Where a policy or a reference value changes, the rules of resources that are about to be written are closed
 * first. Then come reference values and the attestation policy, so that neither new bytes nor new rules ever stand under the judgement of an
 * earlier plan, then resources, and the resource policy last, which alone opens anything. What the plan does not name any more is closed first by the policy and
 * deleted after it. Each step is remembered when it is done, and doing one twice changes nothing: a run that was killed is simply started again.
 */
export async function apply({
  kbs,
  desired,
  closed,
  secret,
  available,
  keys,
  mark: keepMark,
  withdrawn,
  ledger,
  written,
  save,
  log,
  dryRun,
  hidesPolicies,
}: ApplyOptions): Promise<Change[]> {
  const changes: Change[] = []
  const state: Written = structuredClone(written)
  const step = async (what: string, same: boolean, write: () => Promise<void>): Promise<void> => {
    changes.push({ what, action: same ? 'unchanged' : 'write' })
    if (!same) await carryOut(`writing ${what}`, write)
  }
  const end = async (what: string, write: () => Promise<void>): Promise<void> => {
    changes.push({ what, action: 'withdrawn' })
    await carryOut(`withdrawing ${what}`, write)
  }
  const carryOut = async (words: string, write: () => Promise<void>): Promise<void> => {
    if (dryRun) return
    log.progress(words)
    await ledger.claim()
    // A run that was overtaken would put its bytes under the rules of the other plan.
    await ledger.check()
    await write()
    await save(state)
  }

  const macOf = (bytes: Buffer): string =>
    createHmac('sha256', Buffer.from(state.salt, 'hex')).update(bytes).digest('hex')
  /** A key of the agent is not taken for it: one that was written does not change. */
  const differs = async (uri: string): Promise<boolean> => {
    const known = state.resources[uri]
    if (known === undefined || desired.fresh.includes(uri)) return known === undefined
    const value = await secret(uri)
    return value === null || macOf(value.bytes) !== known
  }
  const own = desired.uris.filter((uri) => !desired.kept.includes(uri))
  // A refusal in the middle would leave a new key beside an old policy.
  for (const uri of own) {
    if (state.resources[uri] !== undefined) continue
    if (!(await available(uri))) throw givenAway(uri)
    if (desired.fresh.includes(uri) && !desired.overwritten.includes(uri)) await keys.checkFree(uri)
  }
  const { attestationPolicy, resourcePolicy, policyDigest } = desired
  const values = Object.entries(desired.referenceValues).sort(([a], [b]) => (a < b ? -1 : 1))
  const altered = new Set<string>()
  let judgedAnew = withdrawn.values.length > 0 || (state.attestationPolicy ?? attestationPolicy) !== attestationPolicy
  for (const [id, value] of values) {
    const isKnown = state.referenceValues[id] === JSON.stringify(value)
    const stands = await standsAt(kbs, id, value)
    if (!isKnown || stands === false) altered.add(id)
    judgedAnew ||= !(stands ?? isKnown)
  }
  if (resourcePolicy !== null && (judgedAnew || resourcePolicy !== state.resourcePolicy) && !dryRun) {
    const writing: string[] = []
    for (const uri of own) if (await differs(uri)) writing.push(uri)
    const interim = closed(writing, judgedAnew)
    if (interim !== null && interim !== state.resourcePolicy) {
      log.progress('closing what is about to be written')
      await ledger.claim()
      await ledger.check()
      // Before it: after a kill an earlier plan that is applied again must not find its policy "unchanged".
      state.resourcePolicy = null
      await save(state)
      await kbs.setResourcePolicy(interim)
    }
  }
  for (const [id, value] of values) {
    await step(`reference value ${id}`, !altered.has(id), async () => {
      await kbs.setReferenceValue(id, value)
      state.referenceValues[id] = JSON.stringify(value)
    })
  }
  for (const id of withdrawn.values) {
    await end(`reference value ${id}`, async () => {
      // No KBS deletes one over HTTP: an empty list admits nothing.
      await kbs.setReferenceValue(id, [])
      delete state.referenceValues[id]
    })
  }
  const restate = async (upload: () => Promise<void>): Promise<void> => {
    if (!hidesPolicies || dryRun) return
    await ledger.check()
    await upload()
  }
  if (attestationPolicy !== null) {
    const same = state.attestationPolicy === attestationPolicy
    const upload = (): Promise<void> => kbs.setAttestationPolicy('default_cpu', attestationPolicy)
    if (same) await restate(upload)
    await step('attestation policy default_cpu', same, async () => {
      await upload()
      state.attestationPolicy = attestationPolicy
    })
  }
  for (const uri of desired.kept) changes.push({ what: uri, action: 'kept' })
  for (const uri of own) {
    const value = await secret(uri)
    const known = state.resources[uri]
    if (value === null && known === undefined) throw givenAway(uri)
    // An agent never makes the key of a URI twice: one that it gave away stands as it was written.
    if (value === null) {
      changes.push({ what: uri, action: 'unchanged' })
      continue
    }
    const mark = macOf(value.bytes)
    await step(uri, known === mark, async () => {
      await kbs.setResource(parseKbsUri(uri), value.bytes, value.serverKey)
      state.resources[uri] = mark
    })
    // After the state was kept: a run that was killed before it is repeated, and must find the path free.
    if (!dryRun && desired.fresh.includes(uri) && known === undefined) await keys.mark(uri)
  }
  if (resourcePolicy !== null && policyDigest !== null) {
    const same = state.resourcePolicy === resourcePolicy
    const upload = (): Promise<void> => kbs.setResourcePolicy(resourcePolicy)
    if (same) await restate(upload)
    await step('resource policy', same, async () => {
      await upload()
      // After it: what is marked was written, and a run that was killed between names the digest before, which is still marked.
      await keepMark(policyDigest)
      state.resourcePolicy = resourcePolicy
    })
  }
  for (const uri of withdrawn.rules) changes.push({ what: `rule of ${uri}`, action: 'withdrawn' })
  for (const uri of withdrawn.resources) {
    await end(uri, async () => {
      if (!(await kbs.deleteResource(parseKbsUri(uri))))
        log.warn(`${uri} was not deleted: it is gone already, or the storage of this KBS cannot delete`)
      delete state.resources[uri]
    })
  }
  if (!dryRun) await ledger.settle()
  return changes
}

/** Whether the KBS gives back a reference value as the plan has it; null for a credential that may not read, which goes by what this job wrote. */
function standsAt(kbs: KbsAdmin, id: string, value: JsonValue): Promise<boolean | null> {
  return ifAuthorized(
    kbs.referenceValue(id).then((found) => isSameReferenceValue(found, value)),
    null,
  )
}

function givenAway(uri: string): InputError {
  return new InputError('not-found', `the agent holds no key for ${uri}, and this job wrote none to this KBS`, {
    subject: uri,
    remedy: 'Encrypt for this URI in this job first; a key that another KBS got is no longer here.',
  })
}
