import { SealwrightError } from '../base/errors.ts'
import type { JsonValue } from '../base/json.ts'
import { ownerDrift } from './attestation-owner.ts'
import { ifAuthorized } from './call.ts'
import { isSameReferenceValue, type KbsAdmin } from './client.ts'
import { readMarker } from './global-policy.ts'
import { partOf, withdrawalOf, type Managed, type Share } from './managed.ts'
import type { Desired } from './plan.ts'
import type { RcarSession } from './rcar.ts'
import { parseKbsUri } from './uri.ts'
import { keyMark } from './written-keys.ts'

/** One thing of a plan, and whether it stands on the KBS. `unknown`: the KBS does not show it to this credential. */
export interface DriftFinding {
  readonly what: string
  readonly standing: 'same' | 'drift' | 'unknown'
  readonly found: string
  /** What mends it; null where nothing differs. */
  readonly remedy: string | null
}

/** What is compared. */
export interface DriftOptions {
  readonly kbs: Pick<KbsAdmin, 'referenceValue'>
  readonly desired: Desired
  readonly share: Share
  /** Null where this credential may not read reference values. */
  readonly managed: Managed | null
  /** Our embedded KBS shows what stands there; null for another KBS. */
  readonly embedded: Shown | null
  /** A guest with `sample` evidence, which anybody can make. */
  readonly guest: Pick<RcarSession, 'token' | 'resource'>
  /** URIs that the plan gives to sample evidence. */
  readonly forSamples: readonly string[]
}

/** What an embedded KBS shows. */
export interface Shown {
  readonly resourcePolicy: string | null
  /** `default_cpu`. */
  readonly attestationPolicy: string | null
  /** @param path `repository/type/tag` */
  holds(path: string): Promise<boolean>
}

const same = (what: string, found: string): DriftFinding => ({ what, standing: 'same', found, remedy: null })
const drift = (what: string, found: string, remedy: string): DriftFinding => ({
  what,
  standing: 'drift',
  found,
  remedy,
})
const unknown = (what: string, found: string, remedy: string | null = null): DriftFinding => ({
  what,
  standing: 'unknown',
  found,
  remedy,
})

const applyIt = 'Run kbs-publish with this plan and `mode: apply`.'
const mayRead = 'Allow GET on reference-value to the role of `admin-key`.'
const lookFirst = 'Find out who wrote it, then run kbs-publish with this plan and `mode: apply`.'

/**
 * Compares a KBS with a plan, and writes nothing. It reads the record of plans, the mark of the resource policy, the marks of fresh keys and each
 * reference value, and asks for the resources as a guest that proves nothing. An embedded KBS also shows its policies and which resources it holds.
 *
 * @throws TransportError where the KBS does not answer
 */
export async function driftOf(options: DriftOptions): Promise<DriftFinding[]> {
  return [
    ...(await resourceFindings(options)),
    ...withdrawnFindings(options),
    await policyFinding(options),
    ...(await attestationFinding(options)),
    ...(await valueFindings(options)),
    ...(await guestFindings(options)),
  ]
}

async function resourceFindings(options: DriftOptions): Promise<DriftFinding[]> {
  const { managed, share, embedded } = options
  if (managed === null) {
    const found = 'this credential may not read reference values: what earlier runs wrote is not known'
    return [unknown('record of plans', found, mayRead)]
  }
  const findings: DriftFinding[] = []
  if (managed.unfinished !== null) {
    const found = `a run of the plan "${managed.unfinished}" began to write and did not end`
    findings.push(drift('record of plans', found, 'Run kbs-publish with that plan again: it writes what is missing.'))
  }
  for (const uri of share.named) {
    const holds = (await embedded?.holds(parseKbsUri(uri).join('/'))) ?? null
    findings.push(await resourceFinding(uri, holds, managed, options))
  }
  return findings
}

/** @param holds whether the KBS holds its bytes; null where it does not say */
async function resourceFinding(
  uri: string,
  holds: boolean | null,
  managed: Managed,
  { kbs, desired, share, embedded }: DriftOptions,
): Promise<DriftFinding> {
  const mine = partOf(managed, share.name)
  const isKept = desired.kept.includes(uri)
  const owners = Object.entries(managed.plans).flatMap(([name, one]) => (one.resources.includes(uri) ? [name] : []))
  if (holds === false)
    return drift(uri, 'the KBS does not hold it', isKept ? `Write its bytes first. ${applyIt}` : applyIt)
  if (!isKept && !mine.resources.includes(uri)) {
    const [other] = owners
    if (other === undefined) return drift(uri, 'no run of this plan wrote it to this KBS', applyIt)
    const remedy = `Use \`source: kept\` to write its rule alone, or give this plan \`name: ${other}\` if it is the same.`
    return drift(uri, `the plan "${other}" wrote it`, remedy)
  }
  if (share.rules.includes(uri) && !mine.rules.includes(uri)) {
    return drift(uri, 'no run of this plan wrote its rule', applyIt)
  }
  if (embedded === null && desired.fresh.includes(uri) && (await kbs.referenceValue(keyMark(uri))) === null) {
    const remedy = 'Images of a key that is gone cannot be opened: encrypt and publish them again.'
    return drift(uri, 'the mark of its key is gone: the KBS was emptied, or another run wrote the key', remedy)
  }
  if (holds === true) return same(uri, 'stands there, and its rule was written; its bytes are not compared')
  if (owners.length === 0) return unknown(uri, 'no plan wrote its bytes: whether they stand there is not known')
  return same(uri, 'was written with its rule; a KBS does not show whether its bytes still stand there')
}

/** What earlier runs of the plan wrote and it does not name any more. */
function withdrawnFindings({ managed, share }: DriftOptions): DriftFinding[] {
  if (managed === null) return []
  const ends = withdrawalOf(managed, share)
  const names = [...ends.rules.map((uri) => `rule of ${uri}`), ...ends.resources, ...ends.values.map(valueName)]
  const remedy = `${applyIt} It withdraws what the plan does not name. To keep it, name it in the plan.`
  return names.map((what) => drift(what, 'stands there, and the plan does not name it', remedy))
}

async function policyFinding({ kbs, desired, embedded }: DriftOptions): Promise<DriftFinding> {
  const what = 'resource policy'
  const { resourcePolicy, policyDigest } = desired
  if (resourcePolicy === null) return unknown(what, 'the plan leaves it to its owner')
  if (embedded !== null) return textFinding(what, embedded.resourcePolicy, resourcePolicy)
  const marker = await readMarker(kbs)
  if (marker === 'unreadable') {
    return unknown(what, 'this credential may not read the digest that was written last', mayRead)
  }
  if (marker === policyDigest) {
    return same(what, `kbs-publish wrote ${marker} last; what another tool uploaded since is not known`)
  }
  const found = `kbs-publish wrote ${marker ?? 'none'} last, the plan makes ${policyDigest ?? 'none'}`
  const remedy =
    marker === null
      ? applyIt
      : `Compare the plan with the one of that run, then write \`replace-global: ${marker}\` and apply it.`
  return drift(what, found, remedy)
}

async function attestationFinding({ kbs, share, desired, embedded }: DriftOptions): Promise<DriftFinding[]> {
  const what = 'attestation policy default_cpu'
  if (desired.attestationPolicy === null) return []
  if (embedded === null) {
    const found = await ownerDrift(kbs, share.name, desired.attestationPolicy)
    if (found === 'unreadable') return [unknown(what, 'this credential may not read whose it is', mayRead)]
    const last = 'this plan generated it last; what another tool uploaded since is not known'
    return [found === null ? same(what, last) : drift(what, found, lookFirst)]
  }
  return [textFinding(what, embedded.attestationPolicy, desired.attestationPolicy)]
}

function textFinding(what: string, stands: string | null, planned: string): DriftFinding {
  if (stands === planned) return same(what, 'its text is the one of the plan')
  return stands === null
    ? drift(what, 'none stands there', applyIt)
    : drift(what, 'another text stands there', lookFirst)
}

const valueName = (id: string): string => `reference value ${id}`

async function valueFindings({ kbs, desired }: DriftOptions): Promise<DriftFinding[]> {
  const findings: DriftFinding[] = []
  for (const [id, value] of Object.entries(desired.referenceValues).sort(([a], [b]) => (a < b ? -1 : 1))) {
    const what = valueName(id)
    const answer = await ifAuthorized(
      kbs.referenceValue(id).then((stands) => ({ stands })),
      null,
    )
    if (answer === null) findings.push(unknown(what, 'this credential may not read it', mayRead))
    else if (answer.stands === null) findings.push(drift(what, 'the KBS has none', applyIt))
    else if (isSameReferenceValue(answer.stands, value)) findings.push(same(what, 'is as planned'))
    else findings.push(drift(what, `is ${shown(answer.stands)}, planned is ${shown(value)}`, lookFirst))
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
  const token = await guest.token().then(() => null, refusalOf)
  if (token !== null) return [same('sample evidence', 'gets no token from this KBS')]
  const findings: DriftFinding[] = []
  for (const uri of closed) {
    const what = `${uri} for sample evidence`
    const answer = await guest.resource(parseKbsUri(uri)).then(() => null, refusalOf)
    const remedy = `${applyIt} Then treat the secret as known to others: replace it. \`sealwright kbs doctor\` says what else is open.`
    if (answer === '') findings.push(same(what, 'is denied'))
    else if (answer === null) findings.push(drift(what, 'is given out, though sample evidence proves nothing', remedy))
    else findings.push(drift(what, `is not denied by the policy: ${answer}`, applyIt))
  }
  return findings
}

/** Empty for a denial. */
function refusalOf(error: unknown): string {
  if (error instanceof SealwrightError && ['denied', 'kbs-error', 'unauthorized'].includes(error.code))
    return error.code === 'denied' ? '' : error.message
  throw error
}
