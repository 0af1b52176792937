import type { Gate } from '../gate.ts'
import type { Policy } from '../policy/load.ts'
import { inWindow } from '../window.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

const wanted = ['firmware', 'kernel', 'initrd', 'cmdline', 'rootfs', 'runner', 'agent'] as const
const sampleOnly = 'sample evidence names no machine'

/** TRUST §5.4 and §1: one machine, and what its measurement covers by the policy's reference values. */
export const machineSteps: Step[] = [
  {
    id: 'machine.same',
    clause: 'TRUST §5.4',
    needs: ['tee'],
    run: ({ found }) => {
      const machines = new Set((found.tee ?? []).map((verdict) => verdict.machine))
      if (machines.has(null))
        return isSample({ found })
          ? skipped(sampleOnly)
          : failed('evidence-invalid', 'a report does not say which machine it is from')
      if (machines.size > 1) return failed('evidence-invalid', 'the reports are from different machines or boots')
      return passed('all reports are from one machine and boot')
    },
  },
  { id: 'machine.measurement', clause: 'TRUST §6', needs: ['tee'], run: measured },
  {
    id: 'machine.coverage',
    clause: 'TRUST §1',
    needs: ['tee'],
    run: (gate) => {
      if (isSample(gate)) return skipped(sampleOnly)
      const covers = match(gate)?.covers ?? []
      const gaps = wanted.filter((part) => !covers.includes(part))
      if (gaps.length === 0) return passed(`the measurement covers ${wanted.join(', ')}`)
      return unlessAccepted(
        gate,
        'accept-coverage-short',
        'coverage-short',
        `the measurement does not cover ${gaps.join(', ')}`,
      )
    },
  },
  {
    id: 'machine.level',
    clause: 'TRUST §1',
    needs: ['tee'],
    run: (gate) => {
      if (isSample(gate)) return skipped(sampleOnly)
      gate.found.level = match(gate)?.level ?? 'machine-only'
      if (gate.found.level === 'agent-exclusive')
        return passed('nobody but the agent can reach the TEE of this measured image')
      return unlessAccepted(
        gate,
        'accept-machine-only',
        'machine-only',
        'the report proves the machine, not who asked for it',
      )
    },
  },
  {
    id: 'machine.storage',
    clause: 'TRUST §1',
    needs: ['tee'],
    run: (gate) => {
      if (isSample(gate)) return skipped(sampleOnly)
      if (match(gate)?.storage === 'sealed') return passed('workspace, temp, container storage and swap are sealed')
      return unlessAccepted(
        gate,
        'accept-storage-exposed',
        'storage-exposed',
        'storage of the machine is not known to be sealed',
      )
    },
  },
]

function measured(gate: Gate): Outcome {
  if (isSample(gate)) return skipped(sampleOnly)
  if (gate.policy.measurements.length === 0) return failed('evidence-invalid', 'the policy pins no measurement')
  const found = match(gate)
  if (found === null) return failed('evidence-invalid', 'no pinned measurement equals what the evidence says')
  return passed(`the evidence has the measurement ${found.name ?? Object.keys(found.values).join(', ')}`)
}

function match(gate: Gate): Policy['measurements'][number] | null {
  const verdicts = gate.found.tee ?? []
  return (
    gate.policy.measurements.find(
      (item) =>
        Object.keys(item.values).length > 0 &&
        inWindow(item.window, gate) &&
        verdicts.every(({ measured }) =>
          Object.entries(item.values).every(([name, value]) => measured[name] === value),
        ),
    ) ?? null
  )
}

function isSample({ found }: Pick<Gate, 'found'>): boolean {
  return (found.tee ?? []).every((verdict) => verdict.technology === 'sample')
}
