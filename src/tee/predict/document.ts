import { InputError } from '../../base/errors.ts'
import {
  coverages,
  referenceValuesType,
  type Coverage,
  type Level,
  type ReferenceValues,
  type Storage,
} from '../reference/values.ts'
import type { RecordedInputs } from './files.ts'
import type { Prediction } from './prediction.ts'
import { useOneOf } from '../../base/nearest.ts'

/** What the owner of a machine image says about it; a prediction cannot know these things. */
export interface ImageStatements {
  /** Name of the image; null takes the name of the prediction. */
  readonly name: string | null
  /** Parts that the values cover; an empty list takes what the prediction pins. */
  readonly covers: readonly string[]
  readonly storage: Storage
  readonly level: Level
  /** Jobs that one boot may run; null leaves the member out, which means 1. */
  readonly bootJobs: number | null
  /** Values that were read on a machine, in lower-case hex; they are added to every row. */
  readonly captured: Readonly<Record<string, string>>
  /** RFC 3339 in UTC with whole seconds; null sets no limit. */
  readonly notBefore: string | null
  readonly notAfter: string | null
}

/** Captured values that stand for the firmware. */
const firmwareValues = ['pcr0', 'mr-td', 'measurement']
/** Parts that are measured themselves. All others are pinned only through what starts them. */
const measuredParts = ['firmware', 'kernel', 'initrd', 'cmdline']
const bootParts = ['kernel', 'initrd', 'cmdline'] as const

/**
 * Joins a prediction and the owner's statements to a document of reference values.
 *
 * `writeReferenceValues` checks the members of the result; this function checks what only the prediction can tell.
 *
 * @throws InputError `input-invalid` with subject `covers` for a part that nothing pins, `captured` for a value that is also predicted
 */
export function referenceDocument(prediction: Prediction, statements: ImageStatements): ReferenceValues {
  const { captured, bootJobs, notBefore, notAfter } = statements
  return {
    type: referenceValuesType,
    name: statements.name ?? prediction.name,
    technology: prediction.technology,
    covers: coveredParts(statements.covers, prediction.covers, Object.keys(captured)),
    storage: statements.storage,
    level: statements.level,
    'boot-jobs': bootJobs ?? undefined,
    inputs: { ...prediction.inputs, ...capturedInputs(captured) },
    experimental: prediction.experimental.length === 0 ? undefined : [...prediction.experimental],
    values: prediction.values.map(({ shape, measured }) => ({ shape, measured: joined(measured, captured) })),
    'not-before': notBefore ?? undefined,
    'not-after': notAfter ?? undefined,
  } satisfies Record<keyof ReferenceValues, unknown>
}

function coveredParts(
  asked: readonly string[],
  predicted: readonly Coverage[],
  captured: readonly string[],
): Coverage[] {
  if (asked.length === 0) return [...predicted]
  const pinned = [...predicted, ...(captured.some((name) => firmwareValues.includes(name)) ? ['firmware'] : [])]
  return asked.map((part) => {
    const found = coverages.find((known) => known === part)
    if (found === undefined) throw notCovered(part, useOneOf(part, coverages, 'some'))
    if (pinned.includes(found)) return found
    if (measuredParts.includes(found)) {
      throw notCovered(part, `Nothing in this prediction pins the ${part}: leave it out.`)
    }
    // rootfs, runner and agent are only as fixed as what starts them.
    const missing = bootParts.find((below) => !pinned.includes(below))
    if (missing === undefined) return found
    throw notCovered(part, `The ${part} is pinned only through the ${missing}, which this prediction does not cover.`)
  })
}

function notCovered(part: string, remedy: string): InputError {
  return new InputError('input-invalid', `covers: these values do not cover "${part}"`, { subject: 'covers', remedy })
}

function capturedInputs(captured: Readonly<Record<string, string>>): RecordedInputs {
  return Object.fromEntries(
    Object.keys(captured).map((name) => [`captured-${name}`, { name: 'captured', digest: null }]),
  )
}

function joined(
  measured: Readonly<Record<string, string>>,
  captured: Readonly<Record<string, string>>,
): Record<string, string> {
  const twice = Object.keys(captured).find((name) => Object.hasOwn(measured, name))
  if (twice === undefined) return { ...measured, ...captured }
  throw new InputError('input-invalid', `captured: ${twice} is predicted already`, {
    subject: 'captured',
    remedy: `Leave ${twice} out of the captured values.`,
  })
}
