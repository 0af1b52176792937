import { textOf } from '../../base/json.ts'
import { admissionsOf, indexOf, lackOfAdmission, policyOf } from '../../journal/subject-roles.ts'
import { roles, type JournalEvent } from '../../journal/event.ts'
import { isDigest } from '../../oci/digest.ts'
import type { Digest } from '../../oci/types.ts'
import type { Gate } from '../candidate.ts'
import { encryptedSubject } from '../encrypted.ts'
import { buildsOf, plainForms } from '../journal-roles.ts'
import type { ForeignImage, PublisherWord } from '../foreign.ts'
import { builderOf, readPublisher } from '../publisher.ts'
import { inWords, logged, partiesSigned } from './parties.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'

/** TRUST §4, images that others built: the job verified the plain image by a policy that counts, and the publisher's own signature covers it. */
export const admissionSteps: Step[] = [
  { id: 'admission.verified', clause: 'TRUST §4', needs: [], run: verified },
  { id: 'admission.publisher', clause: 'TRUST §4', needs: [], run: publisherSigned },
  { id: 'admission.logged', clause: 'TRUST §6', needs: [], run: (gate) => inLog(gate, 'accept-unlogged-signature') },
  {
    id: 'admission.certificate',
    clause: 'TRUST §6',
    needs: [],
    run: (gate) => inLog(gate, 'accept-unlogged-certificate'),
  },
  { id: 'admission.builder', clause: 'TRUST §4', needs: [], run: builderNamed },
]

const notAsked = 'the policy has no section publisher: the job has to have built the image'

function verified(gate: Gate): Outcome {
  const { policy, found, subject } = gate
  const { publisher } = policy
  const events = (found.journal ?? []).slice(0, found.sealed)
  const plain = plainOf(gate, events)
  if (publisher === null) {
    const isBuilt = buildsOf(events, subject.descriptor.digest, encryptedSubject(gate)).length > 0
    if (isBuilt || plain === null || admissionsOf(events, plain).length === 0) return skipped(notAsked)
    return failed(
      'foreign-image',
      `others built ${plain}, and the job only admitted it; ${notAsked}. Name the publisher in \`publisher\``,
      subject.descriptor.digest,
    )
  }
  if (plain === null)
    return failed('not-admitted', 'no journal says which plain image this is', subject.descriptor.digest)
  const foreign: ForeignImage = { plain, admission: null, word: null, signers: null, builder: null }
  found.foreign = foreign
  if (found.journal === null) return failed('not-admitted', `no journal shows that a job verified ${plain}`, plain)
  const admissions = admissionsOf(events, plain)
  if (admissions.length === 0) {
    const { code, why } = lackOfAdmission(events, plain)
    return failed(code, `${plain} ${why}`, plain)
  }
  const admission = admissions.findLast((event) =>
    publisher.verifyPolicies.some((digest) => digest === policyOf(event)),
  )
  if (admission === undefined)
    return failed(
      'admission-policy',
      `the job verified ${plain} by the policy ${admissions.map(policyOf).join(', ')}; \`publisher.verify-policies\` names ${publisher.verifyPolicies.join(', ')}`,
      plain,
    )
  foreign.admission = admission
  found.plainDigest = plain
  const verdict = admission.outputs.find(({ role }) => role === roles.verdict)?.digest
  found.inputs = [
    ...(found.inputs ?? []),
    ...admission.inputs
      .filter(({ role }) => role === roles.policy)
      .map(({ digest }) => ({ kind: 'admission-policy', digest })),
    ...(verdict === undefined ? [] : [{ kind: 'admission-verdict', digest: verdict }]),
  ]
  return passed(`an agent of the job verified ${plain} by the policy ${policyOf(admission)}, and it passed`, plain)
}

/** The image that the publisher's signature has to cover. */
function plainOf({ found, subject, ...gate }: Gate, events: readonly JournalEvent[]): Digest | null {
  const { digest } = subject.descriptor
  if (!encryptedSubject({ ...gate, subject })) return digest
  const plain = found.plainDigest ?? plainForms(events, digest, true)[1]
  return isDigest(plain) ? plain : null
}

async function publisherSigned(gate: Gate): Promise<Outcome> {
  const { policy, found } = gate
  const { foreign } = found
  if (policy.publisher === null) return skipped(notAsked)
  if (foreign === undefined) return skipped('the plain image is not known')
  const index = foreign.admission === null ? null : indexOf(foreign.admission, foreign.plain)
  const word = await readPublisher(gate, policy.publisher, foreign.plain, index)
  foreign.word = word
  foreign.signers = word.parties.length === 0 ? null : inWords(word.parties)
  foreign.builder = word.claims.map(builderOf).find((id) => id !== null) ?? null
  found.inputs = [
    ...(found.inputs ?? []),
    ...word.claims.map(({ kind, payloadDigest }) => ({ kind: `publisher-${kind ?? 'other'}`, digest: payloadDigest })),
  ]
  if (word.parties.length === 0 && word.stray !== null)
    return failed(
      'subject-mismatch',
      `what the publisher signed speaks of another image than ${foreign.plain}`,
      word.stray,
    )
  const outcome = partiesSigned(asPublisher(gate, word))
  // Who signed an index alone is found through it.
  const lacking =
    word.lackingIndex === null || outcome.status !== 'failed'
      ? ''
      : `. The index ${word.lackingIndex}, by which the job reached it, is not in this store: promote it there if the publisher signed it alone`
  return { ...outcome, why: `the plain image ${foreign.plain}: ${outcome.why}${lacking}`, subject: foreign.plain }
}

/** The gate as the checks of parties read it, with the publisher in place of the policy's own. */
function asPublisher(gate: Gate, { policy, parties, certificates }: PublisherWord): Gate {
  return { ...gate, policy, parties, certificates }
}

function inLog(gate: Gate, line: 'accept-unlogged-signature' | 'accept-unlogged-certificate'): Outcome {
  const word = gate.found.foreign?.word ?? null
  return word === null ? skipped('no publisher is known') : logged(asPublisher(gate, word), line)
}

function builderNamed({ policy: { publisher }, found: { foreign } }: Gate): Outcome {
  const builders = publisher?.builders ?? null
  if (builders === null) return skipped('the policy names no builders of a publisher')
  if (foreign === undefined || foreign.word === null) return skipped('no publisher is known')
  const { claims } = foreign.word
  const named = claims.map(builderOf).filter((id) => id !== null)
  if (named.length === 0)
    return failed('missing-statement', `the publisher signed no provenance of ${foreign.plain}`, foreign.plain)
  const known = named.find((id) => builders.includes(id))
  if (known === undefined)
    return failed(
      'builder-mismatch',
      `the publisher's provenance names the builder ${named.map(textOf).join(', ')}; \`publisher.builders\` names ${builders.join(', ')}`,
      foreign.plain,
    )
  foreign.builder = known
  return passed(`the publisher's provenance names the builder ${known}`, foreign.plain)
}
