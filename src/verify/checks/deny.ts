import type { Gate } from '../candidate.ts'
import { isObject, textOf } from '../../base/json.ts'
import { chipNames, chipOf, hasChip } from '../../tee/facts/machine.ts'
import { numberFact, numberNames } from '../../tee/facts/numbers.ts'
import { failed, passed, skipped, type MachineGate, type Outcome, type Step } from '../step.ts'

/** TRUST §5.12: what the policy denies by name, and the least security version numbers. */
export const denySteps: Step[] = [
  { id: 'deny.list', clause: 'TRUST §5.12', needs: [], run: denied, machine: deniedMachine },
  { id: 'deny.svn', clause: 'TRUST §5.12', scope: 'machine', needs: ['tee'], run: svn },
]

function denied(gate: Gate): Outcome {
  const { deny } = gate.policy.document
  if (deny === undefined) return skipped('the policy denies nothing by name')
  const { evidence, found, subject } = gate
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
  ]
  for (const [what, list, values] of lists) {
    const hit = list?.find((item) => values.includes(item))
    if (hit !== undefined) return failed('denied', `the policy denies the ${what} ${hit}`, subject.descriptor.digest)
  }
  const machine = deniedMachine(gate)
  return machine.status === 'failed'
    ? { ...machine, subject: subject.descriptor.digest }
    : passed('nothing of it is on the policy’s deny list')
}

/** The part of the list that names machines: measurements and chips. */
function deniedMachine({ policy, found }: MachineGate): Outcome {
  const { deny } = policy.document
  const verdicts = found.tee ?? []
  const listed = deny?.measurements ?? []
  const chips = deny?.['chip-ids']
  if (listed.length === 0 && chips === undefined) return skipped('the policy denies no machine by name')
  const measurement = verdicts
    .flatMap(({ measured }) => Object.values(measured))
    .find((value) => listed.includes(value))
  if (measurement !== undefined) return failed('denied', `the policy denies the measurement ${measurement}`)
  // Turin's chip id is denied in either form: eight bytes, or as the report has it.
  const chip = verdicts.flatMap(chipNames).find((name) => chips?.includes(name) === true)
  if (chip !== undefined) return failed('denied', `the policy denies the chip ${chip}`)
  // The host masks chip ids as it likes: a hidden chip may be a denied one.
  if (chips !== undefined && verdicts.some((verdict) => hasChip(verdict) && chipOf(verdict) === null))
    return failed('denied', 'the policy denies chips by their id, and the evidence does not state the chip id')
  return passed('neither measurement nor chip is on the policy’s deny list')
}

function svn({ policy, found }: MachineGate): Outcome {
  const wanted = Object.entries(policy.document['minimum-svn'] ?? {})
  if (wanted.length === 0) return skipped('the policy names no minimum-svn')
  for (const [name, least] of wanted) {
    for (const verdict of found.tee ?? []) {
      const value = numberFact(verdict, name)
      if (value === null) {
        const known = numberNames.includes(name) ? '' : `; the names are ${numberNames.join(', ')}`
        return failed('denied', `the policy requires ${name} ${least}, but the evidence does not state it${known}`)
      }
      if (value < least)
        return failed('denied', `the policy requires ${name} ${least}, but the evidence states ${value}`)
    }
  }
  return passed(`${wanted.map(([name]) => name).join(', ')} are at least what the policy wants`)
}
