import { z } from 'zod'
import { InputError } from '../base/errors.ts'
import { digestSchema } from '../oci/digest-schema.ts'
import { isDigest } from '../oci/digest.ts'
import { ifAuthorized } from './call.ts'
import type { KbsAdmin } from './client.ts'
import type { Marker } from './global-policy.ts'
import type { Plan } from './plan-schema.ts'

/** What the last signed state says, after its signature was checked. */
export const signedStateSchema = z.strictObject({
  /** SHA-256 of its payload. */
  payload: digestSchema,
  kbs: z.string(),
  /** Name of the plan. */
  name: z.string(),
  previous: digestSchema.nullable(),
  resourcePolicy: digestSchema.nullable(),
})
export type SignedState = z.infer<typeof signedStateSchema>

/** Reference value that names the newest signed state of a plan: the registry could otherwise give an old one back. */
export const stateId = (name: string): string => `sealwright/state/${name}`

/** Reads the digest at {@link stateId}. @throws TransportError where the KBS does not answer */
export async function readAnchor(kbs: Pick<KbsAdmin, 'referenceValue'>, name: string): Promise<Marker> {
  const value = await ifAuthorized(kbs.referenceValue(stateId(name)), undefined)
  if (value === undefined) return 'unreadable'
  return isDigest(value) ? value : null
}

/**
 * The plan with the digest that `replace-global: signed` stands for: `first` where no state was signed yet.
 *
 * @param state undefined where no state is kept
 * @throws InputError `input-missing`
 */
export function withSignedDigest(plan: Plan, state: SignedState | null | undefined): Plan {
  if (plan['replace-global'] !== 'signed') return plan
  if (state !== undefined) return { ...plan, 'replace-global': state?.resourcePolicy ?? 'first' }
  throw new InputError('input-missing', '`replace-global: signed` needs a signed state, and `signed-state` is empty', {
    subject: 'signed-state',
    remedy: 'Set `signed-state` to HOST/NAME:TAG or oci:DIR:TAG, and `state-key` or `state-public-key`.',
  })
}

/** What a state is compared with. */
export interface StateFacts {
  readonly kbs: string
  /** Name of the plan. */
  readonly name: string
  /** Digest that the KBS names as the newest state. */
  readonly anchor: Marker
  /** Digest of the resource policy that was written last; null for an embedded KBS, which shows its policy. */
  readonly marker: Marker
  /** Digests that may stand in {@link marker} as well: what the plan makes, and what it names. */
  readonly expected: readonly (string | null | undefined)[]
}

/**
 * Refuses a signed state that belongs to another KBS or plan, that is not the newest one, or that differs from what the KBS says. One that a killed run
 * left behind is taken: it names the digest that the KBS still has.
 *
 * @param state null where none was signed yet
 * @throws InputError `state-conflict`
 */
export function checkState(state: SignedState | null, { kbs, name, anchor, marker, expected }: StateFacts): void {
  const refuse = (message: string, remedy: string): InputError =>
    new InputError('state-conflict', `the signed state ${message}`, { subject: 'signed-state', remedy })
  if (state !== null && (state.kbs !== kbs || state.name !== name)) {
    const found = `belongs to the plan "${state.name}" on ${state.kbs}, not to "${name}" on ${kbs}`
    throw refuse(found, 'Use one tag for each plan and KBS in `signed-state`.')
  }
  const restore = `Find out who wrote it. To start again, delete the tag of \`signed-state\` and set the reference value ${stateId(name)} to "".`
  if (anchor !== 'unreadable' && anchor !== null && state?.payload !== anchor && state?.previous !== anchor) {
    const found = state === null ? 'is gone' : `is ${state.payload}, which is older or comes from elsewhere`
    throw refuse(`${found}: the KBS names ${anchor} as the newest one`, restore)
  }
  if (state === null || state.resourcePolicy === null || marker === 'unreadable' || marker === null) return
  if (marker === state.resourcePolicy || expected.includes(marker)) return
  throw refuse(
    `says that the resource policy ${state.resourcePolicy} was written last, and the KBS says ${marker}`,
    `Find out who wrote it. Then write \`replace-global: ${marker}\` into the plan for one run.`,
  )
}
