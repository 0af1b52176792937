import { jobDigest } from '../../journal/binding.ts'
import { registerFindings, uncovered, type RegisterAtReport } from '../../tee/register/index.ts'
import type { Gate } from '../candidate.ts'
import type { Evidence } from '../evidence.ts'
import { failed, passed, skipped, unlessAccepted, type MachineGate, type Outcome, type Step } from '../step.ts'
import type { Digest } from '../../oci/types.ts'

/** The runtime register that the agent extends first of all: one agent a boot, and its journal, by what nobody can set back. */
export const registerSteps: Step[] = [
  { id: 'machine.register', clause: 'TRUST §5.4', needs: ['evidence', 'tee'], run: register },
  { id: 'machine.foreign', clause: 'TRUST §5.4', scope: 'machine', needs: ['tee'], run: foreign },
]

function register(gate: Gate): Outcome {
  const { evidence, found } = gate
  const verdicts = found.tee ?? []
  if (evidence === null) return skipped('no evidence')
  const { technology } = evidence.index
  if (technology === 'sample') return skipped('sample evidence names no machine')
  if (technology === 'snp') return skipped('plain SNP has no register that software extends while it runs')
  const reports = [evidence.open, ...evidence.seals]
  const seen: RegisterAtReport[] = verdicts.flatMap(({ register: of }, n) => {
    const journal = reports[n]?.binding.journal
    return of === null || journal === undefined ? [] : [{ register: of, journal }]
  })
  if (seen.length === 0) {
    return unlessAccepted(
      gate,
      'accept-no-register',
      'register-mismatch',
      'the evidence brings no log of a runtime register (runtime-log)',
      evidence.manifest,
    )
  }
  if (seen.length !== reports.length)
    return failed(
      'register-mismatch',
      'only some of the reports bring the log of the runtime register',
      evidence.manifest,
    )
  const findings = registerFindings(seen, expected(evidence))
  if (findings.length > 0) return failed('register-mismatch', findings.join('; '), evidence.manifest)
  const [first] = seen
  const name = first?.register.name ?? ''
  const told = `${name} holds one agent-start, of this key and job, and the journal head of each report`
  if (!seen.some(({ register: of }) => of.resettable)) return passed(told, evidence.manifest)
  return unlessAccepted(
    gate,
    'accept-resettable-register',
    'register-mismatch',
    `${told}; whoever has the TPM can set ${name} back`,
    evidence.manifest,
  )
}

/**
 * What others extended into the register. Where the digest covers the content it is seen to be no agent's; else it may be anything, another
 * agent of the same boot too, and counts only by its digest.
 */
function foreign(gate: MachineGate): Outcome {
  const registers = (gate.found.tee ?? []).flatMap(({ register: of }) => of ?? [])
  const [first] = registers
  if (first === undefined) return skipped('the evidence contains no log of a runtime register')
  const all = [...new Set(registers.flatMap((of) => of.foreign))]
  if (all.length === 0) return passed(`nobody else extended ${first.name}`)
  const rule = gate.policy.document.tee?.register?.foreign ?? 'refuse'
  const told = `others extended ${first.name}, too: ${all.join('; ')}`
  if (Array.isArray(rule)) {
    const others = all.filter((event) => !rule.includes(event.split(' ')[0] ?? ''))
    if (others.length === 0) return passed(`${told}; the policy lists each`)
    return failed(
      'register-mismatch',
      `the policy does not list what others extended into ${first.name}: ${others.join('; ')}`,
    )
  }
  if (rule === 'refuse')
    return failed('register-mismatch', `${told} (tee.register.foreign of the policy would have to list their digests)`)
  if (!all.some((event) => event.endsWith(uncovered))) return passed(told)
  return unlessAccepted(gate, 'accept-foreign-extensions', 'register-mismatch', told)
}

function expected({ key, open }: Evidence): { key: string; job: Digest } {
  return { key: key.thumbprint, job: jobDigest(open.binding.job) }
}
