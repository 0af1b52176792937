import { tpmQuoteOf } from '../../tee/facts/processor.ts'
import type { TeeVerdict } from '../../tee/types.ts'
import type { Gate } from '../candidate.ts'
import { windowText } from '../../base/window.ts'
import { expiredReference, matchReference, nearestReference } from '../reference-match.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type MachineGate, type Step } from '../step.ts'

const wanted = ['firmware', 'kernel', 'initrd', 'cmdline', 'rootfs', 'runner', 'agent'] as const
const sampleOnly = 'sample evidence names no machine'

/** TRUST §5.4 and §1: one machine, and what its measurement covers by the policy's reference values. */
export const machineSteps: Step[] = [
  {
    id: 'machine.same',
    clause: 'TRUST §5.4',
    scope: 'machine',
    needs: ['tee'],
    run: same,
  },
  { id: 'machine.references', clause: 'TRUST §6', scope: 'machine', needs: ['tee'], run: references },
  { id: 'machine.measurement', clause: 'TRUST §6', scope: 'machine', needs: ['tee'], run: measured },
  { id: 'machine.jobs', clause: 'TRUST §2', needs: ['tee'], run: jobs },
  {
    id: 'machine.coverage',
    clause: 'TRUST §1',
    scope: 'machine',
    needs: ['tee'],
    run: (gate) => {
      if (isSample(gate)) return skipped(sampleOnly)
      const covers = matchReference(gate)?.covers ?? []
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
    scope: 'machine',
    needs: ['tee'],
    run: (gate) => {
      if (isSample(gate)) return skipped(sampleOnly)
      gate.found.level = matchReference(gate)?.level ?? 'machine-only'
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
    scope: 'machine',
    needs: ['tee'],
    run: (gate) => {
      if (isSample(gate)) return skipped(sampleOnly)
      if (matchReference(gate)?.storage === 'sealed')
        return passed('workspace, temp, container storage and swap are sealed')
      return unlessAccepted(
        gate,
        'accept-storage-exposed',
        'storage-exposed',
        'storage of the machine is not known to be sealed',
      )
    },
  },
]

function same({ found, evidence }: MachineGate): Outcome {
  const verdicts = found.tee ?? []
  const machines = new Set(verdicts.map((verdict) => verdict.machine))
  if (machines.has(null))
    return isSample({ found })
      ? skipped(sampleOnly)
      : failed('evidence-invalid', 'a report does not say which machine it is from')
  if (evidence === null && verdicts.length === 1) return skipped('there is one report: nothing to compare it with')
  if (machines.size > 1) return failed('evidence-invalid', 'the reports are from different machines or boots')
  const moved = changedRegister(verdicts)
  if (moved !== null) return failed('evidence-invalid', `${moved} differs between the reports: they are of two guests`)
  const quotes = verdicts.map(tpmQuoteOf).filter((quote) => quote !== undefined)
  if (quotes.includes(null)) return failed('evidence-invalid', 'a quote does not state the clock of its TPM')
  const clocks = quotes.flatMap((quote) => (quote === null ? [] : [BigInt(quote.clock)]))
  if (clocks.some((clock, n) => clock < (clocks[n - 1] ?? 0n)))
    return failed('evidence-invalid', 'the clock of the TPM runs back between the reports')
  return passed('all reports are from one machine and boot')
}

/**
 * A TD has no name of its own, so what was measured at its start must be the same. RTMR3 may be extended, where its log shows by what
 * (`machine.register`).
 */
function changedRegister(verdicts: readonly TeeVerdict[]): string | null {
  const [first] = verdicts
  const logged = verdicts.every(({ register }) => register?.name === 'rtmr3')
  const fixed = ['mr-td', 'mr-config-id', 'mr-owner', 'mr-owner-config', 'rtmr0', 'rtmr1', 'rtmr2']
  const names = logged ? fixed : [...fixed, 'rtmr3']
  return names.find((name) => verdicts.some(({ measured }) => measured[name] !== first?.measured[name])) ?? null
}

/** Signed files of reference values that don't count are told, never passed over. */
function references(gate: MachineGate): Outcome {
  const { policy } = gate
  const [broken] = policy.brokenReferences
  if (broken !== undefined) return failed(broken.error.code, broken.error.message, broken.file)
  const foreign = policy.references.find(({ technology }) => technology !== null && technology !== policy.technology)
  if (foreign !== undefined) {
    return failed(
      'policy-invalid',
      `${foreign.name} is of ${foreign.technology}, the policy is about ${policy.technology ?? 'no technology'}`,
    )
  }
  const signed = policy.references.filter(({ technology }) => technology !== null)
  if (signed.length === 0) return skipped('the policy names no signed reference values')
  return passed(`${signed.length} signed reference values, each by a pinned key`)
}

function measured(gate: MachineGate): Outcome {
  if (isSample(gate)) return skipped(sampleOnly)
  if (gate.policy.references.length === 0) return failed('evidence-invalid', 'the policy pins no measurement')
  const found = matchReference(gate)
  if (found !== null) {
    const doubt =
      found.experimental.length === 0
        ? ''
        : `, of which ${found.experimental.join(', ')} is predicted by an experimental way`
    return passed(`the evidence has the measurement ${found.name}${doubt}`)
  }
  const expired = expiredReference(gate)
  if (expired !== null)
    return failed(
      'evidence-invalid',
      `the evidence has the measurement ${expired.name}, which counts ${windowText(expired.window)}`,
    )
  const nearest = nearestReference(gate)
  const why =
    nearest === null ? '' : `; nearest is ${nearest.reference.name}: ${nearest.differences.slice(0, 6).join('; ')}`
  return failed('evidence-invalid', `no pinned measurement equals what the evidence says${why}`)
}

function jobs(gate: Gate): Outcome {
  if (isSample(gate)) return skipped('sample evidence has no boot and no hardware')
  const { evidence } = gate
  if (evidence === null) return skipped('no evidence')
  const most = matchReference(gate)?.bootJobs ?? 1
  const { boot } = evidence.open.binding
  if (evidence.seals.some(({ binding }) => binding.boot.id !== boot.id || binding.boot.jobs !== boot.jobs))
    return failed(
      'binding-mismatch',
      'the seal is of another boot, or counts other jobs, than the open report',
      evidence.manifest,
    )
  if (boot.jobs > most) {
    return failed(
      'replayed',
      `it was job number ${boot.jobs} of this boot: ${most === 1 ? 'hardware levels need one job a boot' : `the reference values allow ${most}`}`,
      evidence.manifest,
    )
  }
  return passed(`job ${boot.jobs} of its boot`, evidence.manifest)
}

function isSample({ found }: Pick<MachineGate, 'found'>): boolean {
  return (found.tee ?? []).every((verdict) => verdict.technology === 'sample')
}
