import type { Gate } from '../candidate.ts'
import { isObject, textOf } from '../../base/json.ts'
import { roles, type JournalEvent } from '../../journal/event.ts'
import { indexOf } from '../../journal/subject-roles.ts'
import { chipNames, chipOf, hasChip } from '../../tee/facts/machine.ts'
import { numberFact, numberNames } from '../../tee/facts/numbers.ts'
import { encryptedSubject } from '../encrypted.ts'
import { buildsOf, plainForms } from '../journal-roles.ts'
import { failed, passed, skipped, type MachineGate, type Outcome, type Step } from '../step.ts'
import { rollbackSteps } from './rollback.ts'
import { isDigest } from '../../oci/digest.ts'
import { algorithmOf } from '../../base/streams.ts'

/** TRUST §5.12: what the policy denies by name, and the least security version numbers. */
export const denySteps: Step[] = [
  { id: 'deny.list', clause: 'TRUST §5.12', needs: [], run: denied, machine: deniedMachine },
  { id: 'deny.svn', clause: 'TRUST §5.12', scope: 'machine', needs: ['tee'], run: svn },
  ...rollbackSteps,
]

function denied(gate: Gate): Outcome {
  const { deny } = gate.policy.document
  if (deny === undefined) return skipped('the policy denies nothing by name')
  const { evidence, found, subject } = gate
  // A job's own word is enough to deny it, and not enough to tell that it is another one.
  const claims = { ...evidence?.open.binding.job.claims, ...found.claims }
  const { commits, digests } = dependenciesOf(gate)
  const sha = found.claims?.['sha']
  const lists: Listed[] = [
    { what: 'image', list: deny.images, values: [...imagesOf(gate), ...digests], told: plainTold(gate) },
    {
      what: 'key',
      list: deny.keys,
      values: [evidence?.key.thumbprint, gate.key?.id, ...publisherKeys(gate)],
      told: gate.key !== null,
    },
    { what: 'instance', list: deny.instances, values: [evidence?.open.binding.job.instance], told: evidence !== null },
    {
      what: 'run',
      list: deny['run-ids'],
      values: [textOf(claims['run_id'] ?? '')],
      told: found.claims?.['run_id'] !== undefined,
    },
    {
      what: 'commit',
      list: deny.commits,
      values: [claims['sha'], ...commits],
      told: sha !== undefined || commits.length > 0,
    },
  ]
  for (const { what, list, values } of lists) {
    const hit = list?.find((item) => values.includes(item))
    if (hit !== undefined) return failed('denied', `the policy denies the ${what} ${hit}`, subject.descriptor.digest)
  }
  // A list names SHA-256: what bears another digest as well cannot hide behind that one.
  const other = deny.images === undefined ? undefined : imagesOf(gate).find(isOtherDigest)
  if (other !== undefined)
    return failed(
      'denied',
      `the policy denies images by their SHA-256, and ${String(other)} cannot be compared with it`,
    )
  const untold = lists.find(({ list, told }) => list !== undefined && !told)
  if (untold !== undefined)
    return failed('denied', `the policy denies some by ${untold.what}, and nothing proven says which one this is of`)
  const machine = deniedMachine(gate)
  return machine.status === 'failed'
    ? { ...machine, subject: subject.descriptor.digest }
    : passed('nothing of it is on the policy’s deny list')
}

/** The part of the list that names machines: measurements and chips. */
function deniedMachine({ policy, found }: MachineGate): Outcome {
  const { deny } = policy.document
  const verdicts = found.tee ?? []
  if (verdicts.length === 0 && (deny?.measurements !== undefined || deny?.['chip-ids'] !== undefined))
    return failed('denied', 'the policy denies machines by name, and no evidence says which one this is of')
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

interface Listed {
  what: string
  list: readonly string[] | undefined
  values: readonly unknown[]
  /** Whether something verified says what it is: what cannot be told is denied. */
  told: boolean
}

/** Parties of a publisher, if a denied one is needed: who stole one of two keys cannot have an image refused that the other one signed. */
function publisherKeys({ policy: { document, publisher }, found }: Gate): string[] {
  const names = found.foreign?.word?.parties.map(({ name }) => name) ?? []
  const left = names.filter((name) => document.deny?.keys?.includes(name) !== true)
  return left.length < (publisher?.threshold ?? 1) ? names : []
}

/** Every digest from what was named to what runs: indexes, manifest, configuration, layers, and the plain form with its layers. */
function imagesOf({ subject, found, mine }: Gate): unknown[] {
  const named = /@(sha\d+:[0-9a-f]+)$/.exec(subject.reference)?.[1]
  const plain = mine.flatMap(({ kind, statement: { predicate } }) => {
    const { plain: form, layers } = predicate
    if (kind !== 'encryption') return []
    const pairs = Array.isArray(layers) ? layers : []
    return [
      isObject(form) ? form['manifest'] : undefined,
      ...pairs.map((pair) => (isObject(pair) ? pair['plain'] : undefined)),
    ]
  })
  const { admission, plain: foreign = '' } = found.foreign ?? {}
  return [
    named,
    ...subject.via,
    subject.descriptor.digest,
    subject.image?.configDigest,
    found.plainDigest,
    foreign,
    admission ? indexOf(admission, foreign) : undefined,
    ...plain,
    ...(subject.image?.manifest.layers.map(({ digest }) => digest) ?? []),
  ]
}

function isOtherDigest(value: unknown): boolean {
  return isDigest(value) && algorithmOf(value) !== 'sha256'
}

function plainTold(gate: Gate): boolean {
  const { found, subject } = gate
  if (!encryptedSubject(gate)) return true
  const events = (found.journal ?? []).slice(0, found.sealed)
  return found.plainDigest !== null || plainForms(events, subject.descriptor.digest, true).length > 1
}

/** What the image was made of, by its provenance and by the journal; a base that the job built itself brings its own. */
function dependenciesOf(gate: Gate): { commits: unknown[]; digests: unknown[] } {
  const dependencies = [...gate.mine, ...(gate.found.foreign?.word?.claims ?? [])]
    .filter(({ kind }) => kind === 'provenance')
    .flatMap(({ statement }) => {
      const definition = statement.predicate['buildDefinition']
      const found = isObject(definition) ? definition['resolvedDependencies'] : undefined
      return Array.isArray(found) ? found : []
    })
    .flatMap((item) => (isObject(item) && isObject(item['digest']) ? [item['digest']] : []))
  const events = (gate.found.journal ?? []).slice(0, gate.found.sealed)
  const seen = new Set<string>()
  const follow = (builds: readonly JournalEvent[]): void => {
    for (const { digest, role } of builds.flatMap(({ inputs, outputs }) => [...inputs, ...outputs])) {
      if (seen.has(digest)) continue
      seen.add(digest)
      if (role === roles.base) follow(buildsOf(events, digest, false))
    }
  }
  follow(buildsOf(events, gate.subject.descriptor.digest, encryptedSubject(gate)))
  return {
    commits: dependencies.map((digest) => digest['gitCommit']).filter((commit) => commit !== undefined),
    digests: [...dependencies.map((digest) => `sha256:${textOf(digest['sha256'])}`), ...seen],
  }
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
