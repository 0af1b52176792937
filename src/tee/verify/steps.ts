import { SealwrightError } from '../../base/errors.ts'
import type { TeeCheck } from '../types.ts'

/** Why a report is bound to the expected value, or is not: both values in hex, so that a reader can compare them. */
export function boundReason(ok: boolean, carried: Buffer, expected: Buffer): string {
  if (ok) return 'the evidence carries the expected value'
  const text = (bytes: Buffer): string => (bytes.length === 0 ? '(nothing)' : bytes.toString('hex'))
  return `expected ${text(expected)}, the evidence carries ${text(carried)}`
}

/** Collects the steps of one verification in order. A step that fails leaves the later ones to run where they can. */
export class Steps {
  readonly checks: TeeCheck[] = []

  /** Notes a comparison. */
  note(name: string, ok: boolean, why: string): boolean {
    this.checks.push({ name, ok, why })
    return ok
  }

  /** Runs a reader; what it refuses is a failed step, and null. A defect of ours is not hidden. */
  read<T>(name: string, why: string, read: () => T): T | null {
    try {
      const value = read()
      this.note(name, true, why)
      return value
    } catch (error) {
      if (!(error instanceof SealwrightError)) throw error
      this.note(name, false, error.message)
      return null
    }
  }

  /** True when at least one step ran and none failed. */
  get passed(): boolean {
    return this.checks.length > 0 && this.checks.every(({ ok }) => ok)
  }
}
