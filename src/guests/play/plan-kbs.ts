import type { Technology } from '../../base/technology.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import { claimForms } from '../../kbs/measurement-form.ts'
import type { Answer, GuestKbs } from './answer.ts'

/** What a resource policy compares of a guest; null where it was not said. */
export interface GuestClaims {
  readonly technology: Technology | null
  /** As a plan writes it: hex, `abcde` for sample. */
  readonly measurement: string | null
  /** Text of the claim `init_data`. */
  readonly initdata: string | null
}

type Resource = Plan['resources'][number]

/**
 * A Key Broker Service as it will be after a plan was applied, without one: who gets a resource by the plan's rules. Evidence counts as affirming.
 *
 * @param plan with the resources of its image policy (`withImagePolicy`)
 * @param content bytes of a resource, null where the plan does not have them (a key of the job's agent, `kept`)
 */
export function planKbs(plan: Plan, guest: GuestClaims, content: (one: Resource) => Promise<Buffer | null>): GuestKbs {
  return async (uri) => {
    const one = plan.resources.find((resource) => resource.uri === uri)
    if (one === undefined)
      return {
        ...(plan['resource-policy'] === 'leave'
          ? { outcome: 'not-known', why: 'the plan does not name it, and leaves the resource policy to its owner' }
          : {
              outcome: 'failed',
              why: 'the plan has no rule for it',
              remedy: `Add ${uri} to the plan (\`source: kept\` where the KBS has it).`,
            }),
        bytes: null,
      }
    return { ...judge(one, plan, guest), bytes: await content(one) }
  }
}

function judge(one: Resource, plan: Plan, guest: GuestClaims): Omit<Answer, 'bytes'> {
  if (plan['resource-policy'] === 'leave')
    return { outcome: 'not-known', why: 'the plan leaves to its owner who gets it (`resource-policy: leave`)' }
  if (one.kind === 'pipeline')
    return { outcome: 'failed', why: 'the plan gives it to a job, not to guests', remedy: 'Write `kind: workload`.' }
  const admitted = one.admit.map(({ technology, measurements, initdata, registers = {} }) => {
    const others = Object.entries(registers).map(([name, values]) => `, ${name} ${values.map(short).join(' or ')}`)
    const measured = `${technology} with measurement ${measurements.map(short).join(' or ')}${others.join('')}`
    return initdata.length === 0 ? measured : `${measured} and initdata ${initdata.map(short).join(' or ')}`
  })
  const rules = `the plan admits ${admitted.join('; ')}`
  const outcomes = one.admit.map((rule) => [
    compared(guest.technology, [rule.technology]),
    compared(guest.measurement, claimForms(rule.technology, rule.measurements)),
    rule.initdata.length === 0 ? true : compared(guest.initdata, rule.initdata),
    // Registers of the guest are not described here.
    Object.keys(rule.registers ?? {}).length === 0 ? true : null,
  ])
  if (outcomes.some((parts) => parts.every((part) => part === true))) return { outcome: 'passed', why: rules }
  if (outcomes.some((parts) => parts.every((part) => part !== false)))
    return { outcome: 'not-known', why: rules, remedy: 'Give `technology`, `measurement` and `initdata` of the guest.' }
  return {
    outcome: 'failed',
    why: `the guest is not admitted: ${rules}`,
    remedy: 'Start the guest that the plan names, or name this one in the plan.',
  }
}

/** Null where the guest's own value was not said. */
function compared(value: string | null, wanted: readonly string[]): boolean | null {
  return value === null ? null : wanted.includes(value)
}

function short(text: string): string {
  return text.length > 20 ? `${text.slice(0, 16)}…` : text
}
