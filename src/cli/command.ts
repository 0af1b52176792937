import type { ActionContext, RawInputs } from '../doors/context.ts'
import type { Definition } from '../doors/definitions.generated.ts'
import type { JsonObject } from '../base/json.ts'

export interface CommandResult {
  /** What `--json` prints as `outputs`. */
  outputs: JsonObject
  /** What is printed without `--json`. */
  text?: string | undefined
  /** True makes the exit code 1: a verdict was given, and it is a refusal. */
  refused?: boolean | undefined
}

/** A command that is not an action: the names that INTERFACE §4 lists. */
export interface Command {
  /** Its first sentence stands in the overview, on one line. */
  description: string
  inputs: Definition['inputs']
  /** Inputs that may be given as words behind the command, in this order. */
  positional?: string | readonly string[]
  /** Inputs that are given without a value. */
  flags?: readonly string[]
  /** Lines for `--help`, each one that can be typed. */
  examples: readonly string[]
  run(inputs: RawInputs, context: ActionContext): Promise<CommandResult>
}
