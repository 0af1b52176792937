import { VerificationError } from '../../base/errors.ts'
import { isWithin, windowOf, windowText } from '../../base/window.ts'
import type { ReferenceValues } from '../../tee/reference/values.ts'
import type { TeeVerdict } from '../../tee/types.ts'

/**
 * Whether a machine has the measurements of an image.
 *
 * @param subject file of the reference values
 * @throws VerificationError `expired` outside of their time, `evidence-invalid` where no row of theirs fits
 */
export function compareMachine(document: ReferenceValues, verdict: TeeVerdict, subject: string, at: Date): void {
  const window = windowOf(document)
  if (!isWithin(window, at)) {
    throw new VerificationError('expired', `${subject} is valid ${windowText(window)}, and it is ${at.toISOString()}`, {
      subject: 'reference-values',
      remedy: 'Take the reference values of the image that this runner booted.',
    })
  }
  const fits =
    document.technology === verdict.technology &&
    document.values.some(({ measured }) =>
      Object.entries(measured).every(([name, value]) => verdict.measured[name] === value),
    )
  if (fits) return
  throw new VerificationError('evidence-invalid', `this machine has none of the measurements of ${document.name}`, {
    subject: 'reference-values',
    remedy: 'See whether the runner booted that image, on a machine of a shape that was predicted.',
  })
}
