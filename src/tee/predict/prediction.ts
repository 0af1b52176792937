import type { Technology } from '../../base/technology.ts'
import type { Coverage, ReferenceRow } from '../reference/values.ts'
import type { RecordedInputs } from './files.ts'

/** Expected values of one boot on one or many machine shapes, before the image's owner adds statements about the image. */
export interface Prediction {
  /** Name of the machine image unless its owner gives another one: that of the main file. */
  readonly name: string
  readonly technology: Technology
  /** Parts of the image that the predicted values pin. */
  readonly covers: readonly Coverage[]
  readonly inputs: RecordedInputs
  /** One row for each machine shape; values are lower-case hex. */
  readonly values: readonly ReferenceRow[]
  /** Names of values that no hardware has confirmed. */
  readonly experimental: readonly string[]
  /** What the reader must know to use these values. */
  readonly notes: readonly Note[]
}

/** A message that comes with a prediction. */
export interface Note {
  readonly level: 'info' | 'warn'
  readonly text: string
}
