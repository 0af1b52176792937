import { isDeepStrictEqual } from 'node:util'
import { SealwrightError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { ifAuthorized } from './call.ts'
import type { KbsAdmin } from './client.ts'
import { readMarker } from './global-policy.ts'
import { partOf, withdrawalOf, type Managed, type Share } from './managed.ts'
import type { Desired } from './plan.ts'
import type { RcarSession } from './rcar.ts'
import { parseKbsUri } from './uri.ts'
import { keyMark } from './written-keys.ts'

/** One thing of a plan, and whether it stands on the KBS. `unknown`: the KBS does not show it to this credential. */
export interface DriftFinding {
  what: string
  standing: 'same' | 'drift' | 'unknown'
  found: string
}

/** What is compared. */
export interface DriftOptions {
  kbs: Pick<KbsAdmin, 'referenceValue'>
  desired: Desired
  share: Share
  /** Null where this credential may not read reference values. */
  managed: Managed | null
  /** Our embedded KBS shows its resource policy; null for another KBS, which shows none. */
  embedded: { resourcePolicy: string | null } | null
  /** A guest with `sample` evidence, which anybody can make. */
  guest: Pick<RcarSession, 'token' | 'resource'>
  /** URIs that the plan gives to sample evidence. */
  forSamples: readonly string[]
}

const found = (what: string, standing: DriftFinding['standing'], text: string): DriftFinding => ({
  what,
  standing,
  found: text,
})
const same = (what: string, text: string): DriftFinding => found(what, 'same', text)
const drift = (what: string, text: string): DriftFinding => found(what, 'drift', text)
const unknown = (what: string, text: string): DriftFinding => found(what, 'unknown', text)

/**
 * Compares a KBS with a plan, and writes nothing. It reads the record of plans, the mark of the resource policy, the marks of fresh keys and each
 * reference value, and asks for the resources as a guest that proves nothing.
 *
 * @throws TransportError where the KBS does not answer
 */
export async function driftOf(options: DriftOptions): Promise<DriftFinding[]> {
  return [
    ...(await recordFindings(options)),
    await policyFinding(options),
    ...(options.desired.attestationPolicy === null
      ? []
      : [unknown('attestation policy default_cpu', 'a KBS does not show its text')]),
    ...(await valueFindings(options)),
    ...(await guestFindings(options)),
  ]
}

async function recordFindings({ kbs, desired, share, managed, embedded }: DriftOptions): Promise<DriftFinding[]> {
  if (managed === null)
    return [
      unknown('record of plans', 'this credential may not read reference values: what earlier runs wrote is not known'),
    ]
  const mine = partOf(managed, share.name)
  const findings: DriftFinding[] = []
  if (managed.unfinished !== null)
    findings.push(
      drift(
        'record of plans',
        `a run of the plan "${managed.unfinished}" began to write and did not end: run it again`,
      ),
    )
  for (const uri of share.named) {
    const isKept = desired.kept.includes(uri)
    const isWritten = Object.values(managed.plans).some(({ resources }) => resources.includes(uri))
    const lacksRule = share.rules.includes(uri) && !mine.rules.includes(uri)
    const lacksMark =
      embedded === null && desired.fresh.includes(uri) && (await kbs.referenceValue(keyMark(uri))) === null
    if (!isKept && !mine.resources.includes(uri)) findings.push(drift(uri, 'no run of this plan wrote it to this KBS'))
    else if (lacksRule) findings.push(drift(uri, 'no run of this plan wrote its rule'))
    else if (lacksMark)
      findings.push(drift(uri, 'the mark of its key is gone: the KBS was emptied, or the key is of another run'))
    else if (!isWritten) findings.push(unknown(uri, 'no plan wrote its bytes: whether they stand there is not known'))
    else findings.push(same(uri, 'was written with its rule; a KBS does not show whether its bytes still stand there'))
  }
  const ends = withdrawalOf(managed, share)
  const why = 'stands there, and the plan does not name it: the next run withdraws it'
  for (const uri of ends.rules) findings.push(drift(`rule of ${uri}`, why))
  for (const uri of ends.resources) findings.push(drift(uri, why))
  for (const id of ends.values) findings.push(drift(`reference value ${id}`, why))
  return findings
}

async function policyFinding({ kbs, desired, embedded }: DriftOptions): Promise<DriftFinding> {
  const what = 'resource policy'
  const { resourcePolicy, policyDigest } = desired
  if (resourcePolicy === null) return unknown(what, 'the plan leaves it to its owner')
  if (embedded !== null)
    return embedded.resourcePolicy === resourcePolicy
      ? same(what, 'its text is the one of the plan')
      : drift(what, embedded.resourcePolicy === null ? 'none stands there' : 'another text stands there')
  const marker = await readMarker(kbs)
  if (marker === 'unreadable') return unknown(what, 'this credential may not read the digest that was written last')
  if (marker === policyDigest)
    return same(what, `${marker} was written last by kbs-publish; what another tool uploaded since does not show`)
  return drift(what, `${marker ?? 'none'} was written last, and the plan gives ${policyDigest ?? 'none'}`)
}

async function valueFindings({ kbs, desired }: DriftOptions): Promise<DriftFinding[]> {
  const findings: DriftFinding[] = []
  for (const [id, value] of Object.entries(desired.referenceValues).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const what = `reference value ${id}`
    const answer = await ifAuthorized(
      kbs.referenceValue(id).then((stands) => ({ stands })),
      null,
    )
    if (answer === null) findings.push(unknown(what, 'this credential may not read it'))
    else if (answer.stands === null) findings.push(drift(what, 'the KBS has none'))
    else if (isDeepStrictEqual(answer.stands, JSON.parse(JSON.stringify(value))))
      findings.push(same(what, 'is as planned'))
    else findings.push(drift(what, `is ${shown(answer.stands)}, planned is ${shown(value)}`))
  }
  return findings
}

/** A value, cut to a line. */
function shown(value: JsonValue): string {
  const text = JSON.stringify(value)
  return text.length <= 300 ? text : `${text.slice(0, 300)} … (${text.length} characters)`
}

/** What a guest gets that proves nothing: each answer but a denial is more than the plan allows. */
async function guestFindings({ desired, guest, forSamples }: DriftOptions): Promise<DriftFinding[]> {
  const closed = desired.uris.filter((uri) => !forSamples.includes(uri))
  if (closed.length === 0) return []
  const refusal = (error: unknown): string => {
    if (error instanceof SealwrightError && ['denied', 'kbs-error', 'unauthorized'].includes(error.code))
      return error.code === 'denied' ? '' : error.message
    throw error
  }
  const token = await guest.token().then(() => null, refusal)
  if (token !== null) return [same('sample evidence', 'gets no token from this KBS')]
  const findings: DriftFinding[] = []
  for (const uri of closed) {
    const what = `${uri} for sample evidence`
    const answer = await guest.resource(parseKbsUri(uri)).then(() => null, refusal)
    if (answer === '') findings.push(same(what, 'is denied'))
    else if (answer === null) findings.push(drift(what, 'is given out, though sample evidence proves nothing'))
    else findings.push(drift(what, `was not denied by the policy: ${answer}`))
  }
  return findings
}
