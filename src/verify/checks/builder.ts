import { isObject, textOf, type JsonObject, type JsonValue } from '../../base/json.ts'
import { roles, type JournalEvent } from '../../journal/event.ts'
import { builderId } from '../../statement/builder-id.ts'
import type { Claim } from '../statements.ts'
import type { Gate } from '../candidate.ts'
import { encryptedSubject } from '../encrypted.ts'
import { buildsOf } from '../journal-roles.ts'
import { countedClaims, notCompared } from '../own-form.ts'
import { isSoftwareTpm } from '../../tee/facts/machine.ts'
import { parameterSteps } from './parameters.ts'
import { failed, passed, skipped, unlessAccepted, type Outcome, type Step } from '../step.ts'

/** TRUST §5.8: builder id as verified; source: commit = token's `sha`, clean tree, context hash. */
export const builderSteps: Step[] = [
  { id: 'builder.id', clause: 'TRUST §5.8', needs: ['key'], run: identity },
  { id: 'builder.record', clause: 'TRUST §5.8', needs: ['evidence', 'journal'], run: record },
  { id: 'builder.source', clause: 'TRUST §5.8', needs: ['key'], run: source },
  ...parameterSteps,
]

function identity(gate: Gate): Outcome {
  const { evidence, found, policy } = gate
  const technology = evidence?.index.technology ?? null
  const exclusive = found.level === 'agent-exclusive'
  const software = (found.tee ?? []).length === 0 || (found.tee ?? []).some(isSoftwareTpm)
  const verified = builderId(technology, exclusive ? 'agent-exclusive' : 'machine-only', software)
  found.builderId = verified
  const { claims, foreign } = countedClaims(gate, ['provenance'])
  for (const claim of claims) {
    const claimed = object(object(claim.statement.predicate['runDetails'])['builder'])['id']
    // An agent cannot know that nobody else reaches its TEE, or who made its TPM: it may claim less than was verified, never more.
    const less = claimed === builderId(technology, 'machine-only')
    if (claimed !== verified && !less) {
      return failed(
        'builder-mismatch',
        `the provenance claims ${textOf(claimed)}; verified is ${verified}`,
        claim.manifest,
      )
    }
  }
  const allowed = policy.document.builders
  if (allowed !== undefined && !allowed.includes(verified))
    return failed('builder-mismatch', `${verified} is not among the builders of the policy`)
  if (policy.publisher !== null) return passed(`others built the image; the job that admitted it ran on ${verified}`)
  return passed(`the builder is ${verified}, as claimed${notCompared(foreign)}`)
}

/** The provenance must speak of the very build that the journal has: its record, image and context. */
function record(gate: Gate): Outcome {
  const claim = provenance(gate)
  if (claim === undefined) return skipped('there is no provenance')
  const builds = buildsOf(sealedEvents(gate), gate.subject.descriptor.digest, encryptedSubject(gate))
  if (builds.length === 0) return skipped('the journal has no build of this image')
  const { byproducts } = object(claim.statement.predicate['runDetails'])
  const named = list(byproducts).map((item) => `sha256:${textOf(object(object(item)['digest'])['sha256'])}`)
  const made = builds.flatMap(({ outputs }) =>
    outputs.filter(({ role }) => role === roles.buildRecord).map(({ digest }) => digest as string),
  )
  // An image that was built twice has two records: the one that the provenance names is meant.
  const build = builds.find(({ outputs }) =>
    outputs.some(({ role, digest }) => role === roles.buildRecord && named.includes(digest)),
  )
  if (build === undefined) {
    return failed(
      'role-mismatch',
      `the provenance is of the build record ${named.join(', ')}, the journal has ${made.join(', ')}`,
      claim.manifest,
    )
  }
  const image = object(object(definition(claim)['internalParameters'])['image'])['manifest']
  if (!build.outputs.some(({ role, digest }) => role === roles.image && digest === image)) {
    return failed(
      'role-mismatch',
      `the provenance is of the image ${textOf(image)}, which this build did not make`,
      claim.manifest,
    )
  }
  gate.found.plainDigest = textOf(image)
  return passed('the provenance is of the build that the journal has', claim.manifest)
}

function source(gate: Gate): Outcome {
  const claim = provenance(gate)
  if (claim === undefined) return skipped('there is no provenance')
  const { commit, clean } = object(object(definition(claim)['internalParameters'])['source'])
  const sha = gate.found.claims?.['sha']
  // A commit that contradicts the token is never accepted: somebody gave another source than the job had.
  if (typeof sha === 'string' && typeof commit === 'string' && commit !== sha) {
    return failed('source-mismatch', `the image was built of commit ${commit}, the job is of ${sha}`, claim.manifest)
  }
  if (typeof commit !== 'string')
    return unlessAccepted(gate, 'accept-unbound-source', 'source-mismatch', 'the source is no commit', claim.manifest)
  if (clean !== true)
    return unlessAccepted(
      gate,
      'accept-unbound-source',
      'source-mismatch',
      `the tree of ${commit} was not clean`,
      claim.manifest,
    )
  if (typeof sha !== 'string') {
    if (gate.found.claims !== null)
      return unlessAccepted(
        gate,
        'accept-unbound-source',
        'source-mismatch',
        'the token names no commit',
        claim.manifest,
      )
    return passed(`the source is the clean commit ${commit}; no token confirms it`, claim.manifest)
  }
  const contexts = buildsOf(sealedEvents(gate), gate.subject.descriptor.digest, encryptedSubject(gate)).map((build) =>
    build.inputs.filter(({ role }) => role === roles.context),
  )
  const hashed = list(definition(claim)['resolvedDependencies'])
    .filter((item) => object(item)['name'] === 'context')
    .map((item) => `sha256:${textOf(object(object(item)['digest'])['sha256'])}`)
  if (contexts.length > 0 && !contexts.some((inputs) => inputs.every(({ digest }) => hashed.includes(digest)))) {
    return failed(
      'source-mismatch',
      'the context that was read is not the one that the provenance names',
      claim.manifest,
    )
  }
  return passed(`the source is the clean commit ${commit} that the token names`, claim.manifest)
}

function provenance(gate: Gate): Claim | undefined {
  return countedClaims(gate, ['provenance']).claims[0]
}

function sealedEvents({ found }: Gate): JournalEvent[] {
  return (found.journal ?? []).slice(0, found.sealed)
}

function definition(claim: Claim): JsonObject {
  return object(claim.statement.predicate['buildDefinition'])
}

function object(value: JsonValue | undefined): JsonObject {
  return isObject(value) ? value : {}
}

function list(value: JsonValue | undefined): JsonValue[] {
  return Array.isArray(value) ? value : []
}
