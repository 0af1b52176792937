import { VerificationError } from '../../base/errors.ts'
import type { JsonValue } from '../../base/json.ts'
import type { Change } from '../../kbs/apply.ts'
import type { KbsAdmin } from '../../kbs/client.ts'
import { checkIssues, withdrawValues, type Ended } from '../../kbs/ended-values.ts'
import { readManaged } from '../../kbs/managed.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import { openRevocations, type OpenedRevocations } from '../../tee/reference/revocations.ts'
import { trusteeForms } from '../../tee/reference/trustee-values.ts'
import type { TaskContext } from '../context.ts'
import { pinnedKeys, planFile, type FileContext } from './plan-files.ts'

/** Largest revocation list, in bytes. */
const listLimit = 4 << 20

/** What may count no more anywhere in a plan: by a verified and current revocation list, or by the plan's own word beside one of its documents. */
export interface Revoked {
  lists: readonly OpenedRevocations[]
  /** Values in hex, each with who revoked it and the reason given there. */
  why: ReadonlyMap<string, string>
}

/** @throws VerificationError `signature-invalid`, `format-invalid`, `expired` */
export async function readRevocations(plan: Plan, context: FileContext): Promise<Revoked> {
  const lists: OpenedRevocations[] = []
  const why = new Map<string, string>()
  for (const value of plan['signed-values'].flatMap(({ revoked }) => revoked)) why.set(value, '`revoked` of the plan')
  for (const { file, keys } of plan.revocations) {
    const pinned = await pinnedKeys(context, keys)
    const list = openRevocations(await planFile(context, file, listLimit), pinned, file, context.ports.clock.now())
    lists.push(list)
    for (const { value, reason } of list.revoked)
      why.set(value, `the list "${list.name}", issue ${list.sequence}${reason === undefined ? '' : `: ${reason}`}`)
  }
  return { lists, why }
}

/** Refuses a value that the plan itself names, in `reference-values` or in what a resource admits. @returns null where it names none */
export function namedInPlan(plan: Plan, { why }: Revoked): VerificationError | null {
  if (why.size === 0) return null
  const forms = new Map(
    [...why.keys()].flatMap((hex) => [hex, ...trusteeForms(hex).map(([, form]) => form)].map((one) => [one, hex])),
  )
  const given: [string, JsonValue][] = [
    ...Object.entries(plan['reference-values']).map(([id, value]): [string, JsonValue] => [
      `reference-values: ${id}`,
      value,
    ]),
    ...[...plan.resources, ...(plan['image-policy'] === undefined ? [] : [plan['image-policy']])].flatMap((one) =>
      one.admit.flatMap(({ measurements, registers = {} }) =>
        [...measurements, ...Object.values(registers).flat()].map((value): [string, JsonValue] => [
          `admit: ${one.uri}`,
          value,
        ]),
      ),
    ),
  ]
  for (const [where, value] of given) {
    const hex = textsIn(value)
      .map((text) => forms.get(text))
      .find((one) => one !== undefined)
    if (hex !== undefined) return revokedError(where, hex, why.get(hex) ?? '', 'Take the value out of the plan.')
  }
  return null
}

function textsIn(value: JsonValue): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}

/** @param by who revoked it, and why */
export function revokedError(subject: string, value: string, by: string, remedy: string): VerificationError {
  return new VerificationError('revoked', `${subject}: it holds the revoked value ${value} (${by})`, {
    subject,
    remedy,
  })
}

/** Where a KBS may hold a revoked value, under the names of Trustee and those of the plan. */
export function endedBy(values: Iterable<string>, plan: Plan): Map<string, Set<string>> {
  const ended = new Map<string, Set<string>>()
  for (const hex of values) {
    const own = Object.keys(plan['reference-values']).map((id): [string, string] => [id, hex])
    for (const [id, form] of [...own, ...trusteeForms(hex)]) add(ended, id, form)
  }
  return ended
}

export function add(ended: Map<string, Set<string>>, id: string, value: string): void {
  const known = ended.get(id) ?? new Set<string>()
  ended.set(id, known.add(value))
}

/**
 * Takes what counts no more out of the KBS, after the lists were compared with the issues that it has seen.
 *
 * @throws VerificationError `rolled-back`, before anything is written
 */
export async function withdrawEnded(
  kbs: KbsAdmin,
  { lists }: Revoked,
  ended: Ended,
  { ports, dryRun }: Pick<TaskContext, 'ports'> & { dryRun: boolean },
): Promise<Change[]> {
  if (lists.length > 0) {
    const keep = await checkIssues(kbs, lists)
    if (keep === null)
      ports.log.warn(
        'the admin credential may not read reference values: an older revocation list would not be noticed',
      )
    else if (!dryRun) await keep()
  }
  return withdrawValues(kbs, ended, { dryRun, log: ports.log })
}

/** For a plan that is refused: takes out what was revoked, and what has expired of the values that the plan itself wrote. */
export async function closeEnded(
  kbs: KbsAdmin,
  name: string,
  { revoked, ended, expired, ports }: { revoked: Revoked; ended: Ended; expired: Ended; ports: TaskContext['ports'] },
): Promise<Change[]> {
  const options = { ports, log: ports.log, dryRun: false }
  const gone = await withdrawEnded(kbs, revoked, ended, options)
  if (expired.size === 0) return gone
  const plans = (await readManaged(kbs))?.plans ?? {}
  // What another plan of this KBS wrote is that one's to judge.
  const own = Object.hasOwn(plans, name) ? (plans[name]?.values ?? []) : []
  const mine = new Map([...expired].filter(([id]) => own.includes(id)))
  return [...gone, ...(await withdrawValues(kbs, mine, options))]
}
