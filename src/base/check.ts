/** One rule that was applied to something, and what came of it. Checks are data: whoever reads them decides. */
export interface Check {
  /** Stable name of the rule, in lower case with hyphens. */
  name: string
  ok: boolean
  /** What was found, whether the rule holds or not. */
  why: string
}
