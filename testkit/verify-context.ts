import { noCollateral, type TeeRules, type VerifyContext } from '../src/tee/verify/verifier.ts'

/** A verification without collateral of its own, at a time. */
export function contextAt(at: Date | string, rules: TeeRules = {}): VerifyContext {
  return { at: new Date(at), collateral: noCollateral, rules }
}
