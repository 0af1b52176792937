import { jobDigest } from '../../journal/binding.ts'
import { registerFindings, type RegisterAtReport } from '../../tee/register/index.ts'
import type { Gate } from '../gate.ts'
import type { Evidence } from '../evidence.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** The runtime register that the agent extends first of all: one agent a boot, and its journal, by what nobody can set back. */
export const registerSteps: Step[] = [
  { id: 'machine.register', clause: 'TRUST §5.4', needs: ['evidence', 'tee'], run: register },
]

function register(gate: Gate): Outcome {
  const { evidence, found, policy } = gate
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
  const foreign = [...new Set(seen.flatMap(({ register: of }) => of.foreign))]
  const others = foreign.length === 0 ? '' : `; others extended ${name}, too: ${foreign.join('; ')}`
  if (foreign.length > 0 && policy.document.tee?.register?.foreign !== 'name') {
    return failed(
      'register-mismatch',
      `${others.slice(2)} (the policy has no tee.register.foreign: name)`,
      evidence.manifest,
    )
  }
  const told = `${name} holds one agent-start, of this key and job, and the journal head of each report${others}`
  if (!seen.some(({ register: of }) => of.resettable)) return passed(told, evidence.manifest)
  return unlessAccepted(
    gate,
    'accept-resettable-register',
    'register-mismatch',
    `${told}; whoever has the TPM can set ${name} back`,
    evidence.manifest,
  )
}

function expected({ key, open }: Evidence): { key: string; job: `sha256:${string}` } {
  return { key: key.thumbprint, job: jobDigest(open.binding.job) }
}
