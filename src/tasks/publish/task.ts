import { z } from 'zod'
import { InputError, VerificationError } from '../../base/errors.ts'
import { once, sha256 } from '../../base/streams.ts'
import { roles } from '../../journal/event.ts'
import { adminToken } from '../../kbs/admin-token.ts'
import { apply, nothingWritten, writtenSchema, type Change } from '../../kbs/apply.ts'
import { kbsAdmin } from '../../kbs/client.ts'
import { checkReplacement, markerId, readMarker, type Marker } from '../../kbs/global-policy.ts'
import { defaultPlan, desiredState, parsePlan, type Desired } from '../../kbs/plan.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import { markedKeys, noMarks } from '../../kbs/written-keys.ts'
import { defineTask, type TaskContext, type TaskEvent } from '../context.ts'
import { measurementOf } from './measurement.ts'
import { availableOf, secretsOf } from './secrets.ts'
import { noSteps } from '../../statement/isolation.ts'

export const publishRequestSchema = z.strictObject({
  /** The KBS as the step was given it: what keys are bound to. */
  kbs: z.string(),
  /** Where it answers: an embedded one is served by the step meanwhile. */
  url: z.string(),
  /** Our own embedded KBS, and the resource policy that stands there. */
  embedded: z.strictObject({ resourcePolicy: z.string().nullable() }).nullable(),
  mode: z.enum(['plan', 'apply']),
  /** Null for one that is made here. */
  plan: z.strictObject({ text: z.string(), path: z.string() }).nullable(),
  /** What an earlier run wrote there; null for none. */
  written: writtenSchema.nullable(),
})
export type PublishRequest = z.infer<typeof publishRequestSchema>

export interface PublishResult {
  /** Null where there was nothing to publish. */
  desired: Desired | null
  changes: Change[]
  uris: string[]
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
  const plan =
    request.plan === null
      ? await ownPlan(embedded !== null, context)
      : await parsePlan(request.plan.text, request.plan.path)
  await caller.deliver('plan.json', once(`${JSON.stringify(plan, null, 2)}\n`))
  if (plan.resources.length === 0 && Object.keys(plan['reference-values']).length === 0) {
    const result: PublishResult = { desired: null, changes: [], uris: Object.keys(written.resources) }
    return { result, events: [] }
  }
  const desired = desiredState(plan, { embedded: embedded !== null, current })
  const last = written.resourcePolicy === null ? null : sha256(written.resourcePolicy)
  /** Digest of what is to replace the policy of others. */
  const next = mode === 'apply' && embedded === null ? desired.policyDigest : null
  // Said before anything is asked of the KBS.
  if (next !== null && plan['replace-global'] === undefined) checkReplacement(plan, null, last, next)
  const credential = (await caller.secret('admin-key'))?.toString('utf8') ?? 'none.none.none'
  const admin = kbsAdmin(request.url, adminToken(credential, ports.clock), ports)
  if (mode === 'apply' && embedded === null) {
    await admin.probeVersion()
    await admin.probeOpenAdmin()
  }
  let marker: Marker = 'unreadable'
  if (next !== null) {
    marker = await readMarker(admin)
    checkReplacement(plan, marker, last, next)
    if (marker === 'unreadable')
      ports.log.warn(
        'the admin credential may not read reference values: `replace-global` is compared with what this job wrote, not with what earlier jobs wrote',
      )
  }
  const changes = await apply({
    kbs: admin,
    desired,
    secret: secretsOf(plan, request.kbs, context),
    available: availableOf(plan, context),
    keys: mode === 'apply' && embedded === null ? markedKeys(admin) : noMarks,
    mark: async (digest) => {
      if (marker !== 'unreadable') await admin.setReferenceValue(markerId, digest)
    },
    written,
    save: (next) => caller.deliver('written.json', once(JSON.stringify(next))),
    log: ports.log,
    dryRun: mode === 'plan',
  })
  const result: PublishResult = { desired, changes, uris: desired.uris }
  const uris = desired.uris.filter((uri) => !desired.kept.includes(uri))
  return { result, events: mode === 'apply' ? [eventOf(uris)] : [] }
})

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
