import { isDeepStrictEqual } from 'node:util'
import { z } from 'zod'
import { InputError, VerificationError } from '../../base/errors.ts'
import { once, sha256 } from '../../base/streams.ts'
import { roles } from '../../journal/event.ts'
import { adminToken } from '../../kbs/admin-token.ts'
import { attestationOwner } from '../../kbs/attestation-owner.ts'
import { probeGenerated } from '../../kbs/attestation-probe.ts'
import { apply, nothingWritten, writtenSchema, type Change } from '../../kbs/apply.ts'
import { kbsAdmin, type KbsAdmin } from '../../kbs/client.ts'
import { checkReplacement, markerId, readMarker, type Marker } from '../../kbs/global-policy.ts'
import { closedPolicy, currentPlan, defaultPlan, desiredState, parsePlan, type Desired } from '../../kbs/plan.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import {
  checkOwners,
  checkSharedValues,
  noLedger,
  nothingEnds,
  openLedger,
  readManaged,
  shareOf,
  withdrawalOf,
  type Withdrawal,
} from '../../kbs/managed.ts'
import { checkState, readAnchor, signedStateSchema, withSignedDigest } from '../../kbs/signed-state.ts'
import { withImagePolicy } from '../../kbs/image-policy.ts'
import { fillPlan, hasPlaceholder, runName } from '../../kbs/placeholders.ts'
import { markedKeys, noMarks } from '../../kbs/written-keys.ts'
import { defineTask, type TaskContext, type TaskEvent } from '../context.ts'
import { withInitdata } from './initdata.ts'
import { measurementOf } from './measurement.ts'
import { checkOpinions } from './opinions.ts'
import { sealedByPlan } from './sealed-secrets.ts'
import { availableOf, readingOnce, secretsOf } from './secrets.ts'
import { closeEnded, readRevocations, withdrawEnded } from './revoked.ts'
import { refusedAfterWithdrawal, withSignedValues } from './signed-values.ts'
import type { Digest } from '../../oci/types.ts'
import { noSteps } from '../../statement/isolation.ts'

export const publishRequestSchema = z.strictObject({
  /** The KBS as the step was given it: what keys are bound to. */
  kbs: z.string(),
  /** Where it answers: an embedded one is served by the step meanwhile. */
  url: z.string(),
  /** Our own embedded KBS, and the resource policy that stands there. */
  embedded: z.strictObject({ resourcePolicy: z.string().nullable() }).nullable(),
  mode: z.enum(['plan', 'apply']),
  /** Claims of the tokens that are made from the admin key; left out: the usual ones. */
  admin: z.strictObject({ role: z.string(), issuer: z.string(), audience: z.string() }).optional(),
  /** Null for one that is made here. */
  plan: z.strictObject({ text: z.string(), path: z.string() }).nullable(),
  /** The last signed state of this plan; null for none yet, left out where none is kept. */
  state: signedStateSchema.nullable().optional(),
  /** What an earlier run wrote there; null for none. */
  written: writtenSchema.nullable(),
})
export type PublishRequest = z.infer<typeof publishRequestSchema>

export interface PublishResult {
  /** Null where there was nothing to publish. */
  desired: Desired | null
  changes: Change[]
  uris: string[]
  /** Name of the plan, and SHA-256 of `plan.json`. */
  plan: { name: string; digest: Digest }
  /** Value of the pod annotation for initdata; empty where the plan names no document. */
  initdata: string
  /** `sealed-secrets.json` was delivered. */
  sealed: boolean
}

/** Plans and applies keys, policies and reference values on a KBS. The plan and what was written are delivered as it goes on. */
export const publish = defineTask(publishRequestSchema, async (request, context) => {
  const { ports, caller } = context
  const { mode, embedded } = request
  checkKbs(request)
  const current = embedded?.resourcePolicy ?? null
  const fresh = nothingWritten(ports.random(32))
  const known = request.written ?? fresh
  // On an embedded KBS its own files are asked: somebody else may have written, or emptied it.
  const written = embedded === null ? known : current === null ? fresh : { ...known, resourcePolicy: current }
  const whole =
    request.plan === null
      ? await ownPlan(embedded !== null, context)
      : await filledPlan(await parsePlan(request.plan.text, request.plan.path), Object.keys(known.resources), context)
  const understood = `${JSON.stringify(whole, null, 2)}\n`
  const named = { name: whole.name, digest: sha256(understood) }
  await caller.deliver('plan.json', once(understood))
  const { plan: present, ended } = currentPlan(whole, ports.clock.now())
  const revoked = await readRevocations(present, context)
  const {
    plan: signed,
    notes,
    refusal,
    ended: endedValues,
    expired,
  } = await withSignedValues(present, revoked, context)
  const opinions = await checkOpinions(signed, context)
  const given = await caller.secret('admin-key')
  const credential = given?.toString('utf8') ?? 'none.none.none'
  const open = (): KbsAdmin => kbsAdmin(request.url, adminToken(credential, ports.clock, request.admin), ports)
  const dryRun = mode === 'plan'
  const refused = refusal ?? opinions.refusal
  if (refused !== null) {
    // What may still be registered is closed by a plan that is refused, too.
    const closes =
      dryRun || given === null
        ? []
        : await closeEnded(open(), signed.name, { revoked, ended: endedValues, expired, ports })
    throw refusedAfterWithdrawal(refused, closes)
  }
  const guests = withImagePolicy(signed)
  const { sealed, ...secrets } = await sealedByPlan(withSignedDigest(guests.plan, request.state), context)
  const { plan, annotation: initdata, notes: initdataNotes } = await withInitdata(secrets.plan, context)
  const made = new Map([...guests.made, ...secrets.made])
  const share = request.plan === null ? null : shareOf(plan, embedded === null)
  // An embedded KBS answers at once; another one is asked after everything that can be refused without it, and for an empty plan, which may withdraw.
  const early = embedded !== null || (isEmpty(plan) && given !== null)
  let managed = early && share !== null ? await readManaged(open()) : null
  const ending = (): Withdrawal => (managed === null || share === null ? nothingEnds : withdrawalOf(managed, share))
  if (
    isEmpty(plan) &&
    (embedded !== null || plan['replace-global'] === undefined) &&
    isDeepStrictEqual(ending(), nothingEnds)
  ) {
    const result: PublishResult = {
      desired: null,
      changes: [],
      // Without a plan, what earlier steps of this job wrote stays; an empty plan has withdrawn what it wrote.
      uris: request.plan === null ? Object.keys(written.resources) : [],
      plan: named,
      initdata,
      sealed: false,
    }
    return { result, events: [] }
  }
  const surroundings = { embedded: embedded !== null, current, withdrawn: ending().rules }
  const desired = desiredState(plan, surroundings)
  desired.notes.push(
    ...notes,
    ...guests.notes,
    ...initdataNotes,
    ...opinions.notes,
    ...ended.map((uri) => `${uri} is past its \`until\` date: the plan does not name it any more.`),
  )
  const last = written.resourcePolicy === null ? null : sha256(written.resourcePolicy)
  /** Digest of what is to replace the policy of others. */
  const next = embedded === null ? desired.policyDigest : null
  if (next !== null)
    desired.notes.push(`The resource policy is ${next}: the next plan for this KBS names it in \`replace-global\`.`)
  // Said before anything is asked of the KBS.
  if (next !== null && plan['replace-global'] === undefined) checkReplacement(plan, null, last, next)
  const admin = open()
  let marker: Marker = 'unreadable'
  const checkSigned = async (isAsked: boolean): Promise<void> => {
    if (request.state === undefined) return
    const anchor = isAsked ? await readAnchor(admin, plan.name) : 'unreadable'
    const expected = [next, guests.plan['replace-global']]
    checkState(request.state, { kbs: request.kbs, name: plan.name, anchor, marker, expected })
  }
  if (embedded !== null || given === null) await checkSigned(embedded !== null)
  if (embedded === null && given === null) desired.notes.push(unasked)
  if (embedded === null && given !== null) {
    await admin.probeVersion()
    await admin.probeOpenAdmin()
    if (share !== null) managed = await readManaged(admin)
    if (next !== null || request.state !== undefined) marker = await readMarker(admin)
    await checkSigned(true)
    if (next !== null) {
      // A policy of ours without its mark: the KBS was emptied since this job wrote it.
      if (marker === null) written.resourcePolicy = null
      checkReplacement(plan, marker, marker === null ? null : (last ?? request.state?.resourcePolicy ?? null), next)
      if (marker === 'unreadable')
        ports.log.warn(
          'the admin credential may not read reference values: `replace-global` is compared with what this job wrote, not with what earlier jobs wrote',
        )
    }
  }
  if (managed !== null && share !== null) {
    checkOwners(managed, share, desired.overwritten)
    await checkSharedValues(admin, managed, share, desired.referenceValues)
    const mine = managed.plans[share.name]?.resources ?? []
    // What the KBS does not remember was written to another one, or before it was emptied.
    for (const uri of Object.keys(written.resources)) if (!mine.includes(uri)) delete written.resources[uri]
  }
  const owner =
    embedded === null && given !== null && share !== null
      ? await attestationOwner(admin, share.name, desired.attestationPolicy)
      : null
  desired.notes.push(...(owner?.notes ?? []))
  if (owner?.forgotten === true) written.attestationPolicy = null
  const gone = given === null ? [] : await withdrawEnded(admin, revoked, endedValues, { ports, dryRun })
  if (!dryRun) await owner?.claim()
  const sources = readingOnce(caller)
  const reader = { ...context, caller: sources.caller }
  const changes = await apply({
    kbs: admin,
    desired,
    closed: (writing, judgedAnew) => closedPolicy(plan, surroundings, writing, judgedAnew),
    secret: secretsOf(plan, request.kbs, made, reader),
    available: availableOf(plan, made, reader),
    keys: embedded === null && given !== null ? markedKeys(admin) : noMarks,
    mark: async (digest) => {
      if (marker !== 'unreadable') await admin.setReferenceValue(markerId, digest)
    },
    withdrawn: ending(),
    ledger:
      managed === null || share === null
        ? noLedger
        : openLedger(admin, managed, share, ports.random(16).toString('hex')),
    written,
    save: (next) => caller.deliver('written.json', once(JSON.stringify(next))),
    log: ports.log,
    dryRun,
    hidesPolicies: embedded === null,
  }).finally(sources.forget)
  if (!dryRun && embedded === null && desired.attestationPolicy !== null)
    desired.notes.push(await probeGenerated(request.url, ports))
  const isSealed = mode === 'apply' && Object.keys(sealed).length > 0
  if (isSealed) await caller.deliver('sealed-secrets.json', once(`${JSON.stringify(sealed, null, 2)}\n`))
  const result: PublishResult = {
    desired,
    changes: [...gone, ...changes],
    uris: desired.uris,
    plan: named,
    initdata,
    sealed: isSealed,
  }
  const uris = desired.uris.filter((uri) => !desired.kept.includes(uri))
  return { result, events: mode === 'apply' ? [eventOf(uris)] : [] }
})

/** Keys that the agent gave away already are named by what this job wrote. */
async function filledPlan(plan: Plan, written: readonly string[], { agent }: TaskContext): Promise<Plan> {
  if (!plan.resources.some(({ uri }) => hasPlaceholder(uri))) return plan
  const status = agent === null ? null : await agent.status()
  return fillPlan(plan, [...(status?.keys ?? []), ...written], status === null ? null : runName(status.instance))
}

function isEmpty(plan: Plan): boolean {
  return [plan.resources, plan.revocations, Object.keys(plan['reference-values'])].every((one) => one.length === 0)
}

const unasked =
  'No `admin-key` was given: whether the KBS takes this plan, what it would withdraw, and which paths hold a key already is not known.'

/**
 * Keys go where they are bound to, and nowhere else: a request is the wish of whoever sent it.
 *
 * @throws VerificationError `role-mismatch`
 */
function checkKbs({ kbs, url, embedded }: PublishRequest): void {
  const served = kbs.startsWith('embedded:')
  if (served === (embedded !== null) && (served || kbs === url)) return
  throw new VerificationError('role-mismatch', `the keys are for ${kbs}, and the request would send them to ${url}`, {
    subject: 'kbs',
  })
}

/** Without a plan: every KEK that the agent holds, for guests measured as this machine. */
async function ownPlan(embedded: boolean, { agent }: TaskContext): Promise<Plan> {
  if (agent === null) {
    throw new InputError('input-missing', 'no plan was given, and no agent runs whose keys could be published', {
      subject: 'plan',
      remedy: 'Give a plan file, or run setup-cvm-runner and encrypt first.',
    })
  }
  const { keys, technology } = await agent.status()
  const measurement = keys.length === 0 ? 'none' : measurementOf(technology, (await agent.openReport()).evidence)
  return defaultPlan(keys, technology, measurement, embedded)
}

function eventOf(uris: readonly string[]): TaskEvent {
  // Digests are of the names, never of the keys.
  const artifact = (role: string, uri: string): TaskEvent['facts']['inputs'][number] => ({
    role,
    name: uri,
    digest: sha256(uri),
    mediaType: 'application/octet-stream',
  })
  return {
    facts: {
      kind: 'publish',
      inputs: uris.map((uri) => artifact('key', uri)),
      outputs: uris.map((uri) => artifact(roles.resource, uri)),
      result: { uris: [...uris] },
    },
    isolation: noSteps,
  }
}
