import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { InputError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { ifAuthorized } from './call.ts'
import { isSameReferenceValue, type KbsAdmin } from './client.ts'
import type { Plan } from './plan-schema.ts'

/** Reference value that says which plan wrote what. A KBS lists nothing, but it answers a reference value. No attestation policy reads this name. */
export const managedId = 'sealwright/plans'

const names = z.array(z.string()).default([])
const part = z.strictObject({
  /** URIs whose bytes this plan wrote. */
  resources: names,
  /** URIs that got a rule from this plan. */
  rules: names,
  /** Ids of its reference values. */
  values: names,
})
const managedSchema = z.strictObject({
  v: z.literal(1),
  /** Random name of the run that wrote this record last. */
  writer: z.string(),
  plans: z.record(z.string(), part),
  /** Name of the plan whose run began to write and did not end: what stands on the KBS may lie between two plans. */
  unfinished: z.string().nullable().default(null),
})

/** What the plans of one KBS manage, by the name of the plan: names only, no value. */
export type Managed = z.infer<typeof managedSchema>
/** What one plan manages. */
export type ManagedPart = z.infer<typeof part>

export const nothingManaged: Managed = { v: 1, writer: '', plans: {}, unfinished: null }

/**
 * Reads the record of all plans from the KBS; null where this credential may not read reference values.
 *
 * @throws InputError `state-conflict` for a record in another form; TransportError where the KBS does not answer
 */
export async function readManaged(kbs: Pick<KbsAdmin, 'referenceValue'>): Promise<Managed | null> {
  const value = await ifAuthorized(kbs.referenceValue(managedId), undefined)
  if (value === undefined) return null
  if (value === null) return nothingManaged
  const read = managedSchema.safeParse(value)
  if (read.success) return read.data
  throw new InputError('state-conflict', `the reference value ${managedId} does not say what plans manage`, {
    subject: managedId,
    cause: read.error,
    remedy: `Look at who wrote it. Set it to {"v":1,"writer":"","plans":{}} to start again: nothing is then withdrawn.`,
  })
}

/** What a plan writes, by name. */
export interface Share extends ManagedPart {
  /** Name of the plan. */
  name: string
  /** URIs that the plan names, `kept` ones included. */
  named: string[]
  /** The whole policy of the KBS is replaced: rules of other plans end too. */
  replacesAll: boolean
  /** The policy is left to its owner: no rule is written or withdrawn. */
  leavesPolicy: boolean
  /** `delete` also deletes the bytes of resources that the plan does not name any more. */
  retire: 'keep' | 'delete'
}

/** What a plan writes and manages. @param replacesAll its policy replaces the one policy of a KBS */
export function shareOf(plan: Plan, replacesAll: boolean): Share {
  const named = plan.resources.map(({ uri }) => uri)
  const leavesPolicy = plan['resource-policy'] === 'leave'
  return {
    name: plan.name,
    named,
    resources: plan.resources.filter(({ source }) => source !== 'kept').map(({ uri }) => uri),
    rules: leavesPolicy ? [] : named,
    values: Object.keys(plan['reference-values']),
    replacesAll: replacesAll && !leavesPolicy,
    leavesPolicy,
    retire: plan.retire,
  }
}

/** What an earlier plan wrote and this one does not name: URIs of rules, URIs of resources to delete, ids of reference values. */
export type Withdrawal = ManagedPart

export const nothingEnds: Withdrawal = { resources: [], rules: [], values: [] }

/** What ends with this plan. A thing that another plan also names stays. */
export function withdrawalOf(managed: Managed, share: Share): Withdrawal {
  const before = partOf(managed, share.name)
  const others = othersOf(managed, share.name)
  const ended = (of: 'rules' | 'resources' | 'values', now: readonly string[]): string[] => {
    const elsewhere = new Set(others.flatMap((one) => one[of]))
    return before[of].filter((one) => !now.includes(one) && !elsewhere.has(one)).sort()
  }
  const allRules = [...new Set([before, ...others].flatMap(({ rules }) => rules))].sort()
  return {
    rules: share.leavesPolicy
      ? []
      : share.replacesAll
        ? allRules.filter((uri) => !share.named.includes(uri))
        : ended('rules', share.named),
    resources: share.retire === 'delete' ? ended('resources', share.named) : [],
    values: ended('values', share.values),
  }
}

/**
 * Refuses a plan that writes bytes where another plan wrote its own.
 *
 * @param overwritten URIs whose entry says `overwrite: true`
 * @throws InputError `state-conflict`
 */
export function checkOwners(managed: Managed, share: Share, overwritten: readonly string[]): void {
  for (const [name, other] of Object.entries(managed.plans)) {
    if (name === share.name) continue
    const taken = share.resources.find((uri) => other.resources.includes(uri) && !overwritten.includes(uri))
    if (taken === undefined) continue
    throw new InputError('state-conflict', `${taken} was written by the plan "${name}", not by "${share.name}"`, {
      subject: taken,
      remedy: `Use another path, or \`source: kept\` to write the rule alone. If this is the same plan, give it \`name: ${name}\`.`,
    })
  }
}

/**
 * Refuses a plan that gives another value to what another plan registered: evidence would be judged by it for the resources of both.
 *
 * @param values reference values of the plan, by id
 * @throws InputError `state-conflict`
 */
export async function checkSharedValues(
  kbs: Pick<KbsAdmin, 'referenceValue'>,
  managed: Managed,
  { name }: Pick<Share, 'name'>,
  values: Readonly<Record<string, JsonValue>>,
): Promise<void> {
  for (const [owner, { values: ids }] of Object.entries(managed.plans)) {
    if (owner === name) continue
    for (const [id, value] of Object.entries(values)) {
      if (!ids.includes(id)) continue
      const found = await ifAuthorized(kbs.referenceValue(id), null)
      if (found === null || isSameReferenceValue(found, value)) continue
      throw new InputError(
        'state-conflict',
        `the plan "${owner}" wrote another value of the reference value ${id}, by which guests of both plans are judged`,
        {
          subject: id,
          remedy: `Leave ${id} to one of the plans, or give both the same value: take it out of the plan "${owner}" first.`,
        },
      )
    }
  }
}

/** The record while a run writes: what was managed before and what is going to be, so that a killed run loses nothing. */
function during(managed: Managed, share: Share, writer: string): Managed {
  const before = partOf(managed, share.name)
  const both = (a: readonly string[], b: readonly string[]): string[] => [...new Set([...a, ...b])].sort()
  const mine: ManagedPart = {
    resources: both(before.resources, share.resources),
    rules: both(before.rules, share.rules),
    values: both(before.values, share.values),
  }
  return { v: 1, writer, plans: { ...managed.plans, [share.name]: mine }, unfinished: share.name }
}

/**
 * The record after a run. Bytes that were kept stay on it, so that `retire: delete` finds them later. What this plan does not name any more and
 * another one does is from now on the other's alone: of two plans that leave a thing out, the second one must withdraw it.
 */
function after(managed: Managed, share: Share, writer: string): Managed {
  const { resources, rules } = during(managed, share, writer).plans[share.name] ?? share
  const elsewhere = othersOf(managed, share.name).flatMap((one) => one.resources)
  const theirs = elsewhere.filter((uri) => !share.resources.includes(uri))
  const gone = withdrawalOf(managed, share)
  const without = (all: readonly string[], ended: readonly string[]): string[] =>
    all.filter((one) => !ended.includes(one))
  const mine: ManagedPart = {
    resources: without(resources, [...gone.resources, ...theirs]),
    rules: share.leavesPolicy ? rules : share.rules.toSorted(),
    values: share.values.toSorted(),
  }
  const plans = Object.entries({ ...managed.plans, [share.name]: mine }).map(([name, one]): [string, ManagedPart] =>
    name === share.name ? [name, one] : [name, { ...one, rules: without(one.rules, gone.rules) }],
  )
  return { v: 1, writer, plans: Object.fromEntries(plans), unfinished: null }
}

/** The record on the KBS, for the time of one run. */
export interface Ledger {
  /** Before the first write. @throws InputError `state-conflict` where another run wrote since the record was read */
  claim(): Promise<void>
  /** Before a step that opens or closes access. @throws InputError `state-conflict` where another run began to write */
  check(): Promise<void>
  /** After the last write. */
  settle(): Promise<void>
}

/** For a credential that may not read reference values, and a plan without a name. */
export const noLedger: Ledger = {
  claim: () => Promise.resolve(),
  check: () => Promise.resolve(),
  settle: () => Promise.resolve(),
}

/** @param writer random name of this run */
export function openLedger(
  kbs: Pick<KbsAdmin, 'referenceValue' | 'setReferenceValue'>,
  managed: Managed,
  share: Share,
  writer: string,
): Ledger {
  let stands = managed
  let readOnly = false
  const expect = async (): Promise<void> => {
    if (readOnly || isDeepStrictEqual(await readManaged(kbs), stands)) return
    throw new InputError('state-conflict', 'another run of kbs-publish writes to this KBS at the same time', {
      subject: managedId,
      remedy: 'Let one run end, then run the other again: give jobs that share a KBS one `concurrency` group.',
    })
  }
  const put = async (next: Managed): Promise<void> => {
    // Without it every run goes by the state of its own job alone, as with a credential that may not read either.
    readOnly ||= !(await ifAuthorized(
      kbs.setReferenceValue(managedId, next).then(() => true),
      false,
    ))
    stands = next
  }
  return {
    claim: async () => {
      if (stands !== managed) return
      await expect()
      await put(during(managed, share, writer))
    },
    check: expect,
    settle: async () => {
      const next = after(managed, share, writer)
      if (isDeepStrictEqual(next.plans, stands.plans) && stands.unfinished === null) return
      await expect()
      await put(next)
    },
  }
}

/** What a plan of this name manages. */
export function partOf(managed: Managed, name: string): ManagedPart {
  const found = Object.hasOwn(managed.plans, name) ? managed.plans[name] : undefined
  return found ?? nothingEnds
}

function othersOf(managed: Managed, name: string): ManagedPart[] {
  return Object.entries(managed.plans).flatMap(([other, one]) => (other === name ? [] : [one]))
}
