import { version } from '../../base/version.ts'
import type { Binding } from '../../journal/binding.ts'
import { thumbprint } from '../../journal/binding.ts'
import type { Digest } from '../../oci/types.ts'
import { dispatchAttributes } from '../../statement/evidence.ts'
import { makeStatement } from '../../statement/statement.ts'
import { vsaPredicate } from '../../statement/vsa.ts'
import type { EnvironmentJudgement } from './judge.ts'

export interface StatementFacts {
  image: { digest: Digest; uri: string }
  binding: Binding
  judgement: EnvironmentJudgement
  /** Files that were read, by digest. */
  evidence: Digest
  provenance: { digest: Digest; builderId: string; level: number } | null
  reference: { digest: Digest; name: string } | null
  /** The policy file, or what stands for its absence. */
  policy: Digest
  verifierId: string
  at: Date
}

/** Payloads of the statements that hold, by file name. What was not proven has none. */
export function environmentStatements(facts: StatementFacts): Record<string, Buffer> {
  const found: Record<string, Buffer> = {}
  if (facts.provenance !== null)
    found['image.vsa'] = summary(facts, [...buildLevels(facts), ...imageLevels(facts)], ['provenance'])
  found['dispatch.scai'] = dispatch(facts)
  if (facts.reference !== null) {
    const levels = facts.judgement.level === 2 ? ['SLSA_BUILDENV_LEVEL_2'] : imageLevels(facts)
    found['pre-dispatch.vsa'] = summary(facts, levels, ['provenance', 'reference-values', 'evidence'])
  }
  return found
}

function buildLevels({ provenance }: StatementFacts): string[] {
  return provenance === null ? [] : [`SLSA_BUILD_LEVEL_${provenance.level}`]
}

function imageLevels({ judgement }: StatementFacts): string[] {
  return judgement.level >= 1 ? ['SLSA_BUILDENV_LEVEL_1'] : []
}

function summary(facts: StatementFacts, levels: string[], kinds: readonly string[]): Buffer {
  const { image, policy, provenance, reference, evidence } = facts
  const inputs = [
    { kind: 'provenance', digest: provenance?.digest },
    { kind: 'reference-values', digest: reference?.digest },
    { kind: 'evidence', digest: evidence },
  ].flatMap(({ kind, digest }) => (digest === undefined || !kinds.includes(kind) ? [] : [{ kind, digest }]))
  const predicate = vsaPredicate({
    verdict: {
      verified: true,
      image: { reference: `${image.uri}@${image.digest}`, digest: image.digest },
      policy: { digest: policy },
      builder: { id: provenance?.builderId ?? 'https://sealwright.dev/builder/v1/unknown' },
      exceptions: [],
      inputs,
    },
    verifierId: facts.verifierId,
    version,
    timeVerified: facts.at,
    expires: null,
    levels,
  })
  return makeStatement('vsa', { digest: image.digest, name: image.uri }, predicate)
}

/** Ties the boot's quote to the build id (BI.3.2, BI.3.3): subject is the image that the machine was shown to run. */
function dispatch({ image, binding, judgement, evidence, reference }: StatementFacts): Buffer {
  const file = {
    name: 'evidence',
    digest: { sha256: evidence.slice('sha256:'.length) },
    mediaType: 'application/json',
  }
  const { claims, instance, assurance } = binding.job
  const text = (name: string): string => (claims[name] === undefined ? '' : String(claims[name]))
  return makeStatement(
    'evidence',
    { digest: image.digest, name: image.uri },
    {
      attributes: [
        {
          attribute: dispatchAttributes.boot,
          conditions: {
            technology: judgement.verdict.technology,
            matches: reference === null ? 'nothing was compared' : reference.name,
            measured: judgement.verdict.measured,
          },
          evidence: file,
        },
        {
          attribute: dispatchAttributes.dispatch,
          conditions: {
            buildId: judgement.buildId,
            instance,
            assurance,
            runId: text('run_id'),
            runAttempt: text('run_attempt'),
            repository: text('repository'),
            key: thumbprint(binding.key),
            bootId: binding.boot.id,
            jobOfBoot: binding.boot.jobs,
            boundBy: judgement.extended ? 'report data and runtime register' : 'report data',
          },
          evidence: file,
        },
      ],
      producer: { uri: `https://sealwright.dev/key/${thumbprint(binding.key)}` },
    },
  )
}
