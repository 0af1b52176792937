import { VerificationError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import type { Plan } from './plan-schema.ts'

/** Measured values that count no more: what one signed document of a plan revokes, no other document and no rule may bring back. */
export function revokedBy(plan: Plan): ReadonlySet<string> {
  return new Set(plan['signed-values'].flatMap(({ revoked }) => revoked))
}

/**
 * Refuses a plan that names a revoked value itself: in `admit`, or in a reference value, also as the base64 that the claims of `az-snp-vtpm` have.
 *
 * @throws VerificationError `revoked`
 */
export function refuseRevoked(plan: Plan, revoked: ReadonlySet<string>): void {
  const forms = new Map([...revoked].flatMap((hex) => [hex, base64(hex)].map((form) => [form, hex] as const)))
  const admitting = [
    ...plan.resources.map(({ uri, admit }) => ({ place: uri, admit })),
    { place: 'image-policy', admit: plan['image-policy']?.admit ?? [] },
  ]
  const named: [place: string, value: JsonValue][] = [
    ...admitting.map(({ place, admit }): [string, JsonValue] => [
      place,
      admit.flatMap((one) => [one.measurements, ...Object.values(one.registers ?? {})].flat()),
    ]),
    ...Object.entries(plan['reference-values']),
  ]
  for (const [place, value] of named) {
    const found = textsIn(value).find((text) => forms.has(text))
    if (found === undefined) continue
    throw new VerificationError('revoked', `${place} names the revoked value ${forms.get(found) ?? found}`, {
      subject: place,
      remedy: 'Take it out: the plan says in `revoked` that it counts no more.',
    })
  }
}

function base64(hex: string): string {
  return Buffer.from(hex, 'hex').toString('base64')
}

function textsIn(value: JsonValue): string[] {
  if (typeof value === 'string') return [value]
  return typeof value === 'object' && value !== null ? Object.values(value).flatMap(textsIn) : []
}
