import { InputError, SealwrightError, TransportError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import type { Ports } from '../../base/ports.ts'
import type { EmbeddedKbs, KbsConnection } from '../../kbs-server/connect.ts'
import { adminToken, type AdminClaims } from '../../kbs/admin-token.ts'
import { kbsAdmin, type KbsAdmin } from '../../kbs/client.ts'
import { sampleGuest } from '../../kbs/keyed-attester.ts'
import { driftOf, type DriftFinding, type Shown } from '../../kbs/drift.ts'
import { readMarker } from '../../kbs/global-policy.ts'
import { checkState, readAnchor } from '../../kbs/signed-state.ts'
import { withImagePolicy } from '../../kbs/image-policy.ts'
import { partOf, readManaged, shareOf, withdrawalOf } from '../../kbs/managed.ts'
import { fillWritten } from '../../kbs/placeholders.ts'
import { currentPlan, desiredState, parsePlan } from '../../kbs/plan.ts'
import { rcarSession } from '../../kbs/rcar.ts'
import { withSealedResources } from '../../kbs/sealed-plan.ts'
import { publishCaller } from './caller.ts'
import { withInitdata } from './initdata.ts'
import { readRevocations } from './revoked.ts'
import type { StateChoice } from './state-choice.ts'
import { withSignedValues } from './signed-values.ts'

/** A KBS and the plan that is to stand there. */
export interface DriftRequest {
  readonly kbs: KbsConnection
  /** Private key or ready token; null for an embedded KBS, which has its own. */
  readonly adminKey: string | null
  /** Claims of the tokens that are made from it; left out: the usual ones. */
  readonly claims?: AdminClaims
  /** Absolute path of the plan file. */
  readonly plan: string
  /** Where the signed state of the plan is kept; left out or null for none. */
  readonly state?: Pick<StateChoice, 'reference' | 'keys'> | null
  /** The KBS as the publisher names it; left out: its URL. */
  readonly name?: string
}

/**
 * Says where a KBS differs from a plan. It needs no agent and no secret of the plan: URIs with placeholders stand for what earlier runs wrote.
 *
 * @throws InputError `input-missing` without a credential; the errors of a plan that `kbs-publish` would refuse; TransportError
 */
export async function findDrift(
  { kbs, adminKey, claims, plan: path, state = null, name = kbs.url }: DriftRequest,
  ports: Ports,
): Promise<DriftFinding[]> {
  const text = (await readNamedFile(path, 'plan')).toString('utf8')
  const whole = currentPlan(await parsePlan(text, path), ports.clock.now()).plan
  const credential = kbs.embedded?.adminKeyPem ?? adminKey
  if (credential === null)
    throw new InputError('input-missing', 'a KBS shows what was written to its admin only', {
      subject: 'admin-key',
      remedy: 'Set `admin-key` to env:NAME or a file.',
    })
  const admin = kbsAdmin(kbs.url, adminToken(credential, ports.clock, claims), ports)
  await admin.probeVersion()
  const managed = await readManaged(admin)
  const mine = managed === null ? null : partOf(managed, whole.name)
  const stands = (whole['resource-policy'] === 'leave' ? mine?.resources : mine?.rules) ?? []
  const { plan: filled, missing } = fillWritten(whole, stands)
  const files = { ports, caller: publishCaller(null, kbs, {}, ports) }
  const signed = await withSignedValues(filled, await readRevocations(filled, files), files)
  if (signed.refusal !== null) throw signed.refusal
  const { plan } = await withInitdata(withSealedResources(withImagePolicy(signed.plan).plan), files)
  const share = shareOf(plan, kbs.embedded === null)
  const shown = kbs.embedded === null ? null : await shownBy(kbs.embedded)
  const current = shown?.resourcePolicy ?? null
  const withdrawn = managed === null ? [] : withdrawalOf(managed, share).rules
  const findings = await driftOf({
    kbs: admin,
    desired: desiredState(plan, { embedded: kbs.embedded !== null, current, withdrawn }),
    share,
    managed,
    embedded: shown,
    guest: rcarSession(kbs.url, sampleGuest(), ports),
    forSamples: plan.resources
      .filter(({ admit }) => admit.some(({ technology }) => technology === 'sample'))
      .map(({ uri }) => uri),
  })
  const signedOne =
    state === null ? [] : [await stateFinding(state, { kbs: name, plan: whole.name, admin }, shown === null, ports)]
  return [...missing.map((uri) => unfilled(uri, managed !== null)), ...signedOne, ...findings]
}

/** Whether the signed state is whole, the newest one, and says of the resource policy what the KBS says. */
async function stateFinding(
  { reference, keys }: Pick<StateChoice, 'reference' | 'keys'>,
  of: { kbs: string; plan: string; admin: KbsAdmin },
  hidesPolicies: boolean,
  ports: Ports,
): Promise<DriftFinding> {
  const what = 'signed state'
  const { readState, toldOf } = await import('./signed-state.ts')
  try {
    const read = await readState(reference, keys, ports)
    const anchor = await readAnchor(of.admin, of.plan)
    const marker = hidesPolicies ? await readMarker(of.admin) : null
    checkState(read === null ? null : toldOf(read), { kbs: of.kbs, name: of.plan, anchor, marker, expected: [] })
    const number = `number ${read?.said.serial ?? 0}`
    if (read === null) return { what, standing: 'drift', found: `${reference} is not there`, remedy: runAgain }
    if (anchor === null) return { what, standing: 'drift', found: 'the KBS names none', remedy: runAgain }
    if (anchor === 'unreadable')
      return { what, standing: 'unknown', found: `${number}; whether it is the newest is not known`, remedy: null }
    if (anchor === read.payload) return { what, standing: 'same', found: `${number} is the newest one`, remedy: null }
    return { what, standing: 'drift', found: `the KBS names the one before ${number}`, remedy: runAgain }
  } catch (error) {
    if (!(error instanceof SealwrightError) || error instanceof TransportError) throw error
    return { what, standing: 'drift', found: error.message, remedy: error.remedy ?? null }
  }
}

const runAgain = 'Run kbs-publish with this plan, `mode: apply` and `signed-state`.'

function unfilled(what: string, isKnown: boolean): DriftFinding {
  if (!isKnown) return { what, standing: 'unknown', found: 'which keys were written is not known', remedy: null }
  const remedy = 'Encrypt with this URI in `recipients`, and run kbs-publish in the same job.'
  return { what, standing: 'drift', found: 'no run of this plan wrote a key that fits', remedy }
}

async function shownBy({ resourcePolicy, attestationPolicy, holds }: EmbeddedKbs): Promise<Shown> {
  return {
    resourcePolicy: await resourcePolicy(),
    attestationPolicy: await attestationPolicy('default_cpu'),
    holds,
  }
}
