import { isObject, textOf, type JsonValue } from '../../base/json.ts'
import type { Gate } from '../candidate.ts'
import { countedClaims } from '../own-form.ts'
import { builderOf } from '../publisher.ts'
import { sourceCommit } from '../source-commit.ts'
import { failed, passed, skipped, type Outcome, type Step } from '../step.ts'
import { evidenceTime } from '../window.ts'

/** TRUST §5.13: a tag can be moved back to an older image that is still in order. */
export const rollbackSteps: Step[] = [
  { id: 'rollback.expected', clause: 'TRUST §5.13', needs: [], run: expected },
  { id: 'rollback.not-before', clause: 'TRUST §5.13', needs: [], run: notBefore },
  { id: 'rollback.tag', clause: 'TRUST §5.13', needs: [], run: tagAsked },
]

function expected(gate: Gate): Outcome {
  const { commit, digest } = gate.expect ?? {}
  if (commit === undefined && digest === undefined) return skipped('no commit and no digest was expected')
  const { descriptor, reference, via } = gate.subject
  // What was named, an index perhaps, the image that is judged, or what its publisher calls it.
  const forms: unknown[] = [descriptor.digest, via[0], gate.found.foreign?.plain]
  if (digest !== undefined && !forms.includes(digest) && !reference.endsWith(`@${digest}`))
    return failed('rolled-back', `the image is ${descriptor.digest}, expected is ${digest}`, descriptor.digest)
  if (commit !== undefined) {
    const found = commitsOf(gate)
    if (!found.includes(commit))
      return failed(
        'rolled-back',
        `the image is of commit ${found.length === 0 ? '(none that is proven)' : found.join(', ')}, expected is ${commit}`,
        descriptor.digest,
      )
  }
  return passed(`the image is what was expected: ${[commit, digest].filter((item) => item !== undefined).join(', ')}`)
}

/**
 * The token's own, else what the provenance says of a clean tree. The token of a job that only admitted the image says nothing of its source: there the
 * publisher's provenance does, and several of the same image may name a commit each.
 */
function commitsOf(gate: Gate): string[] {
  const { claims, foreign } = gate.found
  const sha = claims?.['sha']
  if (foreign === undefined && typeof sha === 'string') return [sha]
  if (foreign === undefined) {
    const { clean, commit } = sourceOf(gate)
    return clean === true && typeof commit === 'string' ? [commit] : []
  }
  const said = (foreign.word?.claims ?? []).filter((claim) => builderOf(claim) !== null).map(sourceCommit)
  return [...new Set(said)].filter((one) => one !== null)
}

function sourceOf(gate: Gate): Record<string, JsonValue> {
  const word = gate.found.foreign?.word?.claims.filter(({ kind }) => kind === 'provenance')
  const [provenance] = word ?? countedClaims(gate, ['provenance']).claims
  const definition = provenance?.statement.predicate['buildDefinition']
  const internal = isObject(definition) ? definition['internalParameters'] : undefined
  const source = isObject(internal) ? internal['source'] : undefined
  return isObject(source) ? source : {}
}

function notBefore(gate: Gate): Outcome {
  const least = gate.policy.document['not-before']
  if (least === undefined) return skipped('the policy does not say before what an image is too old')
  const run = least['run-number']
  if (run !== undefined) {
    const found = runNumber(gate)
    if (found === null) return failed('rolled-back', `no token says which run it was; the policy wants ${run} or later`)
    if (found < run) return failed('rolled-back', `the image is of run ${found}; the policy wants ${run} or later`)
  }
  const time = least['commit-time']
  if (time !== undefined) {
    const { committed, clean } = sourceOf(gate)
    if (typeof committed !== 'number' || clean !== true)
      return failed('rolled-back', `nothing says when the source was committed; the policy wants ${time} or later`)
    if (committed * 1000 < Date.parse(time))
      return failed(
        'rolled-back',
        `the source was committed ${new Date(committed * 1000).toISOString()}; the policy wants ${time} or later`,
      )
  }
  return passed(`not older than the policy wants: ${JSON.stringify(least)}`)
}

function runNumber({ found }: Gate): number | null {
  const text = textOf(found.claims?.['run_number'] ?? '')
  return /^[0-9]{1,15}$/.test(text) ? Number(text) : null
}

/** Nothing refuses an older image here, so who asked for a tag is told what he got. */
function tagAsked(gate: Gate): Outcome {
  const { tag, evidence, expect, policy } = gate
  if (tag === null || tag === undefined) return passed('the image was asked for by its digest')
  const run = runNumber(gate)
  const made =
    evidence === null
      ? 'nothing says when it was made'
      : `made ${evidenceTime(evidence, gate.found.claims).toISOString().slice(0, 10)}, ${days(gate)} day(s) ago${run === null ? '' : `, run ${run}`}`
  const guarded =
    expect?.commit !== undefined || expect?.digest !== undefined || policy.document['not-before'] !== undefined
  return passed(
    `the tag ${tag} was asked for: ${made}${guarded ? '' : '; a tag can be moved back: expect-commit, expect-digest and not-before of the policy refuse an older image'}`,
  )
}

function days({ at, evidence, found }: Gate): number {
  const time = evidence === null ? at : evidenceTime(evidence, found.claims)
  return Math.max(0, Math.floor((at.getTime() - time.getTime()) / 86_400_000))
}
