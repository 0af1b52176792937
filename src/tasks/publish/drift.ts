import { InputError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import type { Ports } from '../../base/ports.ts'
import type { KbsConnection } from '../../kbs-server/connect.ts'
import { adminToken } from '../../kbs/admin-token.ts'
import { kbsAdmin } from '../../kbs/client.ts'
import { sampleGuest } from '../../kbs/keyed-attester.ts'
import { driftOf, type DriftFinding } from '../../kbs/drift.ts'
import { withImagePolicy } from '../../kbs/image-policy.ts'
import { partOf, readManaged, shareOf, withdrawalOf } from '../../kbs/managed.ts'
import { fillWritten } from '../../kbs/placeholders.ts'
import { currentPlan, desiredState, parsePlan } from '../../kbs/plan.ts'
import { rcarSession } from '../../kbs/rcar.ts'
import { publishCaller } from './caller.ts'
import { withSignedValues } from './signed-values.ts'

/** A KBS and the plan that is to stand there. */
export interface DriftRequest {
  readonly kbs: KbsConnection
  /** Private key or ready token; null for an embedded KBS, which has its own. */
  readonly adminKey: string | null
  /** Absolute path of the plan file. */
  readonly plan: string
}

/**
 * Says where a KBS differs from a plan. It needs no agent and no secret of the plan: URIs with placeholders stand for what earlier runs wrote.
 *
 * @throws InputError `input-missing` without a credential; the errors of a plan that `kbs-publish` would refuse; TransportError
 */
export async function findDrift({ kbs, adminKey, plan: path }: DriftRequest, ports: Ports): Promise<DriftFinding[]> {
  const text = (await readNamedFile(path, 'plan')).toString('utf8')
  const whole = currentPlan(await parsePlan(text, path), ports.clock.now()).plan
  const credential = kbs.embedded?.adminKeyPem ?? adminKey
  if (credential === null)
    throw new InputError('input-missing', 'a KBS shows what was written to its admin only', {
      subject: 'admin-key',
      remedy: 'Set `admin-key` to env:NAME or a file.',
    })
  const admin = kbsAdmin(kbs.url, adminToken(credential, ports.clock), ports)
  await admin.probeVersion()
  const managed = await readManaged(admin)
  const mine = managed === null ? null : partOf(managed, whole.name)
  const stands = (whole['resource-policy'] === 'leave' ? mine?.resources : mine?.rules) ?? []
  const { plan: filled, missing } = fillWritten(whole, stands)
  const signed = await withSignedValues(filled, { ports, caller: publishCaller(null, kbs, {}, ports) })
  const { plan } = withImagePolicy(signed.plan)
  const share = shareOf(plan, kbs.embedded === null)
  const current = (await kbs.embedded?.resourcePolicy()) ?? null
  const withdrawn = managed === null ? [] : withdrawalOf(managed, share).rules
  const findings = await driftOf({
    kbs: admin,
    desired: desiredState(plan, { embedded: kbs.embedded !== null, current, withdrawn }),
    share,
    managed,
    embedded: kbs.embedded === null ? null : { resourcePolicy: current },
    guest: rcarSession(kbs.url, sampleGuest(), ports),
    forSamples: plan.resources
      .filter(({ admit }) => admit.some(({ technology }) => technology === 'sample'))
      .map(({ uri }) => uri),
  })
  const unfilled = missing.map((uri): DriftFinding =>
    managed === null
      ? { what: uri, standing: 'unknown', found: 'which keys were written is not known' }
      : { what: uri, standing: 'drift', found: 'no run of this plan wrote a key that fits' },
  )
  return [...unfilled, ...findings]
}
