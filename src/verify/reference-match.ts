import type { TeeVerdict } from '../tee/types.ts'
import type { Reference } from './policy/references.ts'
import type { MachineGate } from './step.ts'
import { inWindow } from './window.ts'

type Input = Pick<MachineGate, 'policy' | 'evidence' | 'found' | 'at'>

/** The first reference values, signed ones before those of the policy, that every report has and that count at the time. */
export function matchReference(gate: Input): Reference | null {
  return gate.policy.references.find((item) => fits(item, gate) && inWindow(item.window, gate)) ?? null
}

/** One that fits and does not count at the time. */
export function expiredReference(gate: Input): Reference | null {
  return gate.policy.references.find((item) => fits(item, gate)) ?? null
}

/** The reference values with the fewest differences, and what differs: for whoever has to find out why. */
export function nearestReference(gate: Input): { reference: Reference; differences: string[] } | null {
  const [verdict] = gate.found.tee ?? []
  if (verdict === undefined) return null
  const ranked = gate.policy.references
    .map((reference) => ({ reference, differences: differences(reference, verdict) }))
    .sort((a, b) => a.differences.length - b.differences.length)
  return ranked[0] ?? null
}

function fits({ technology, values }: Reference, { found }: Input): boolean {
  const verdicts = found.tee ?? []
  const entries = Object.entries(values)
  return (
    entries.length > 0 &&
    verdicts.length > 0 &&
    verdicts.every(
      (verdict) =>
        (technology === null || technology === verdict.technology) &&
        entries.every(([name, value]) => verdict.measured[name] === value),
    )
  )
}

function differences({ values }: Reference, { measured }: TeeVerdict): string[] {
  return Object.entries(values)
    .filter(([name, value]) => measured[name] !== value)
    .map(([name, value]) => {
      const found = measured[name]
      return `${name} is ${found === undefined ? 'not in the evidence' : `${found.slice(0, 12)}…`}, not ${value.slice(0, 12)}…`
    })
}
