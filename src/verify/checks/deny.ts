import type { Gate } from '../candidate.ts'
import { chipOf, factAt, hardwareFacts } from '../hardware.ts'
import { isObject, textOf } from '../../base/json.ts'
import type { TeeVerdict } from '../../tee/types.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'

/** TRUST §5.12: what the policy denies by name, and the least security version numbers. */
export const denySteps: Step[] = [
  { id: 'deny.list', clause: 'TRUST §5.12', needs: [], run: denied },
  { id: 'deny.svn', clause: 'TRUST §5.12', needs: ['tee'], run: svn },
]

function denied(gate: Gate): Outcome {
  const { deny } = gate.policy.document
  if (deny === undefined) return skipped('the policy denies nothing by name')
  const { evidence, found, subject } = gate
  const verdicts = found.tee ?? []
  // Turin's chip id is denied in either form: eight bytes, or as the report has it.
  const chips = verdicts.flatMap((verdict) => [chipOf(verdict), hardwareFacts(verdict)['chipId']])
  const provenance = gate.mine.find(({ kind }) => kind === 'provenance')?.statement.predicate['buildDefinition']
  const dependencies =
    isObject(provenance) && Array.isArray(provenance['resolvedDependencies']) ? provenance['resolvedDependencies'] : []
  const commits = dependencies.flatMap((item) =>
    isObject(item) && isObject(item['digest']) ? [item['digest']['gitCommit']] : [],
  )
  const lists: [string, readonly string[] | undefined, readonly unknown[]][] = [
    ['image', deny.images, [subject.descriptor.digest, subject.image?.configDigest, found.plainDigest]],
    ['key', deny.keys, [evidence?.key.thumbprint, gate.key?.id]],
    ['instance', deny.instances, [evidence?.open.binding.job.instance]],
    ['run', deny['run-ids'], [textOf(found.claims?.['run_id'] ?? '')]],
    ['commit', deny.commits, [found.claims?.['sha'], ...commits]],
    ['measurement', deny.measurements, verdicts.flatMap((verdict) => Object.values(verdict.measured))],
    ['chip', deny['chip-ids'], chips],
  ]
  for (const [what, list, values] of lists) {
    const hit = list?.find((item) => values.includes(item))
    if (hit !== undefined) return failed('denied', `the policy denies the ${what} ${hit}`, subject.descriptor.digest)
  }
  // The host masks chip ids as it likes: one that hides is not one that is not on the list.
  const hidden = verdicts.some((verdict) => hasChip(verdict) && chipOf(verdict) === null)
  if (deny['chip-ids'] !== undefined && hidden)
    return failed('denied', 'the policy denies chips, and the evidence does not say which one it is of')
  return passed('nothing of it is on the policy’s deny list')
}

function hasChip({ technology }: TeeVerdict): boolean {
  return technology !== 'tpm' && technology !== 'sample'
}

function svn({ policy, found }: Gate): Outcome {
  const wanted = Object.entries(policy.document['minimum-svn'] ?? {})
  if (wanted.length === 0) return skipped('the policy names no minimum-svn')
  for (const [name, least] of wanted) {
    for (const verdict of found.tee ?? []) {
      const value = factAt(verdict, name)
      if (typeof value !== 'number' || value < least)
        return failed('denied', `${name} is ${String(value)}, the policy wants at least ${least}`)
    }
  }
  return passed(`${wanted.map(([name]) => name).join(', ')} are at least what the policy wants`)
}
