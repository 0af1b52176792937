import type { Binding } from '../../journal/binding.ts'
import { bindingHash, jobDigest, thumbprint } from '../../journal/binding.ts'
import { VerificationError } from '../../base/errors.ts'
import type { Coverage, ReferenceValues } from '../../tee/reference/values.ts'
import { isSoftwareTpm } from '../../tee/facts/machine.ts'
import { readAgentStart } from '../../tee/register/index.ts'
import type { TeeEvidence, TeeVerdict } from '../../tee/types.ts'
import { verifiers } from '../../tee/verify/index.ts'
import type { VerifyContext } from '../../tee/verify/verifier.ts'
import { compareMachine } from './compare.ts'

/** What somebody who starts runners knows of an image, each part verified by its own signature. */
export interface ImageFacts {
  /** Builder of its provenance, and the SLSA Build level that the reader trusts it for; null without provenance. */
  provenance: { builderId: string; level: number } | null
  reference: { document: ReferenceValues; subject: string } | null
}

/** A machine as its job's evidence shows it, by the levels of SLSA's Build Environment track (a draft). */
export interface EnvironmentJudgement {
  verdict: TeeVerdict
  /** Highest level that holds; the track's third needs a quote of the host's own boot, which no guest has. */
  level: 0 | 1 | 2
  /** What is missing for each level above, in words. */
  short: string[]
  /** `sha256:…` of the job record: the build id that the report is over. */
  buildId: string
  /** The quote's register holds the build id beside the boot: an extension at dispatch (BI.3.3). */
  extended: boolean
}

/** Components whose reference values BuildEnv L2 demands (BI.2): boot loader, kernel, agent, root file system. */
const demanded: readonly Coverage[] = ['firmware', 'kernel', 'agent', 'rootfs']

/**
 * @throws VerificationError `evidence-invalid` for evidence that does not verify or is not of this image, `role-mismatch` for a seal
 */
export function judgeEnvironment(
  binding: Binding,
  evidence: TeeEvidence,
  image: ImageFacts,
  context: VerifyContext,
): EnvironmentJudgement {
  if (binding.role !== 'open') {
    throw new VerificationError('role-mismatch', 'the evidence is a seal; a dispatch is attested by the open report', {
      subject: 'evidence',
    })
  }
  const verdict = verifiers[evidence.technology].verify(evidence, bindingHash(binding), context)
  if (verdict.status !== 'verified') {
    const failed = verdict.checks.filter(({ ok }) => !ok).map(({ name, why }) => `${name}: ${why}`)
    throw new VerificationError('evidence-invalid', `the evidence is refused: ${failed.join('; ')}`, {
      subject: evidence.technology,
    })
  }
  if (image.reference !== null) compareMachine(image.reference.document, verdict, image.reference.subject, context.at)
  const buildId = jobDigest(binding.job)
  const extended = holdsStart(verdict, buildId, thumbprint(binding.key))
  const short: string[] = []
  const first = image.provenance !== null && image.provenance.level >= 2
  if (image.provenance === null) short.push('L1: the image has no provenance that was verified')
  else if (!first) short.push(`L1: its builder is trusted for SLSA Build L${image.provenance.level} only`)
  const second = secondLevel(verdict, image, extended, binding.boot.jobs)
  short.push(...second.map((why) => `L2: ${why}`))
  short.push("L3: no quote of the host's own boot is to be had in a guest")
  return { verdict, level: !first ? 0 : second.length > 0 ? 1 : 2, short, buildId, extended }
}

function secondLevel(verdict: TeeVerdict, image: ImageFacts, extended: boolean, jobs: number): string[] {
  const faults: string[] = []
  if (image.provenance !== null && image.provenance.level < 3)
    faults.push('the builder of the image is not trusted for SLSA Build L3')
  if (verdict.technology === 'sample') faults.push('sample evidence is not a root of trust')
  if (isSoftwareTpm(verdict)) faults.push('no manufacturer’s certificate chain reaches the TPM (software TPM)')
  if (image.reference === null) faults.push('there are no signed reference values')
  else {
    const missing = demanded.filter((part) => !image.reference?.document.covers.includes(part))
    if (missing.length > 0) faults.push(`the reference values do not cover ${missing.join(', ')}`)
    const most = image.reference.document['boot-jobs'] ?? 1
    if (jobs > most) faults.push(`this is job ${jobs} of its boot, and ${most} may run`)
  }
  if (!extended) faults.push('the build id is in the report data only: no register was extended with it at dispatch')
  return faults
}

/** Exactly one agent-start, of this job and key. */
function holdsStart({ register }: TeeVerdict, job: string, key: string): boolean {
  const starts = (register?.records ?? []).filter(({ operation }) => operation === 'agent-start')
  const [only] = starts
  if (only === undefined || starts.length !== 1 || register?.resettable === true) return false
  const start = readAgentStart(only)
  return start.job === job && start.key === key
}
