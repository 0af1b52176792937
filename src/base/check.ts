import { VerificationError } from './errors.ts'

/** One rule that was applied to something, and what came of it. Checks are data: whoever reads them decides. */
export interface Check {
  /** Stable name of the rule, in lower case with hyphens. */
  name: string
  ok: boolean
  /** What was found, whether the rule holds or not. */
  why: string
}

/** A rule that holds unless it gives a reason against it, or a refusal is thrown. */
export function ruleCheck(name: string, fault: () => string | null): Check {
  try {
    const why = fault()
    return { name, ok: why === null, why: why ?? 'holds' }
  } catch (error) {
    if (error instanceof VerificationError) return { name, ok: false, why: error.message }
    throw error
  }
}
