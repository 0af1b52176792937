import type { JsonObject } from '../base/json.ts'

/** Annotation of an attached manifest that stays where it was made; `promote` leaves it behind. */
export const publishableAnnotation = 'dev.sealwright.publishable'

/** What marks a manifest as internal. */
export const internalAnnotations = { [publishableAnnotation]: 'false' } as const

/**
 * Whether an attached manifest may leave the place that it was made for. A statement says so itself (member `publishable` of the predicate), or the
 * manifest does by an annotation: either of them is enough to keep it inside.
 */
export function isPublishable(
  annotations: Readonly<Record<string, string>> | undefined,
  predicate: JsonObject | null,
): boolean {
  return annotations?.[publishableAnnotation] !== 'false' && predicate?.['publishable'] !== false
}
