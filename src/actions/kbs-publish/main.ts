import { readFile } from 'node:fs/promises'
import type { AgentClient } from '../../agent/protocol.ts'
import { InputError } from '../../base/errors.ts'
import { replaceFile } from '../../base/files.ts'
import type { Ports } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import { roles } from '../../journal/event.ts'
import { adminToken } from '../../kbs/admin-token.ts'
import { apply, nothingWritten, type Change, type Written } from '../../kbs/apply.ts'
import { kbsAdmin } from '../../kbs/client.ts'
import { checkReplacement, defaultPlan, desiredState, parsePlan, type Desired } from '../../kbs/plan.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import { withKbs, type KbsConnection } from '../../kbs-server/connect.ts'
import type { Digest } from '../../oci/types.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../context.ts'
import { readInputs, type PublishInputs } from './inputs.ts'
import { measurementOf } from './measurement.ts'
import { secretsOf } from './secrets.ts'
import { summary } from './summary.ts'

/** Plans and applies keys, policies and reference values on a KBS. */
export const door: ActionDoor = {
  name: 'kbs-publish',
  run: async (raw, context) => {
    const inputs = await readInputs(raw)
    return withKbs(inputs.kbsUrl, context.ports, (kbs) => publish(inputs, kbs, context))
  },
}

async function publish(inputs: PublishInputs, kbs: KbsConnection, context: ActionContext): Promise<ActionResult> {
  const { ports, state } = context
  const agent = await state.agent()
  const embedded = kbs.embedded !== null
  const place = await state.path('kbs', `${sha256(inputs.kbsUrl).slice(7, 39)}.json`)
  const current = (await kbs.embedded?.resourcePolicy()) ?? null
  const written = await readWritten(place, embedded, current, ports)
  const plan =
    inputs.plan === null ? await ownPlan(agent, embedded) : await parsePlan(inputs.plan.text, inputs.plan.path)
  const planPath = await keepPlan(plan, context)

  if (plan.resources.length === 0 && Object.keys(plan['reference-values']).length === 0) {
    return result({ inputs, planPath, desired: null, changes: [], uris: Object.keys(written.resources), agent })
  }
  const desired = desiredState(plan, { embedded, current })
  if (inputs.mode === 'apply') checkReplacement(plan, embedded, lastWritten(written), desired.policyDigest)
  const admin = kbsAdmin(
    kbs.url,
    adminToken(kbs.embedded?.adminKeyPem ?? inputs.adminKey ?? 'none.none.none', ports.clock),
    ports,
  )
  if (inputs.mode === 'apply' && !embedded) {
    await admin.probeVersion()
    await admin.probeOpenAdmin()
  }
  const changes = await apply({
    kbs: admin,
    desired,
    secret: secretsOf(plan, agent, ports),
    written,
    save: (next) => replaceFile(place, JSON.stringify(next)),
    log: ports.log,
    dryRun: inputs.mode === 'plan',
  })
  if (inputs.mode === 'apply' && agent !== null) await appendEvent(agent, desired.uris)
  return result({ inputs, planPath, desired, changes, uris: desired.uris, agent })
}

/** Without a plan: every KEK that the agent holds, for guests measured as this machine. */
async function ownPlan(agent: AgentClient | null, embedded: boolean): Promise<Plan> {
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

async function appendEvent(agent: AgentClient, uris: readonly string[]): Promise<void> {
  const artifact = (role: string, uri: string): { role: string; name: string; digest: Digest; mediaType: string } => ({
    role,
    name: uri,
    // Of the name, never of the key.
    digest: sha256(uri) as Digest,
    mediaType: 'application/octet-stream',
  })
  await agent.append({
    kind: 'publish',
    inputs: uris.map((uri) => artifact('key', uri)),
    outputs: uris.map((uri) => artifact(roles.resource, uri)),
    result: { uris: [...uris] },
  })
}

interface Done {
  inputs: PublishInputs
  planPath: string
  desired: Desired | null
  changes: Change[]
  uris: string[]
  agent: AgentClient | null
}

function result({ inputs, planPath, desired, changes, uris }: Done): ActionResult {
  const changed = changes.some(({ action }) => action === 'write')
  return {
    outputs: { 'plan-path': planPath, changed: String(changed), 'resource-uris': uris.join('\n'), initdata: '' },
    report: summary({ mode: inputs.mode, kbsUrl: inputs.kbsUrl, desired, changes, uris, planPath }),
  }
}

function lastWritten(written: Written): string | null {
  return written.resourcePolicy === null ? null : sha256(written.resourcePolicy)
}

/** What we wrote there before. On an embedded KBS its own files are asked: somebody else may have written, or emptied it. */
async function readWritten(path: string, embedded: boolean, current: string | null, ports: Ports): Promise<Written> {
  const text = await readFile(path, 'utf8').catch(() => null)
  const fresh = nothingWritten(ports.random(32))
  const known = text === null ? fresh : (JSON.parse(text) as Written)
  if (!embedded) return known
  return current === null ? fresh : { ...known, resourcePolicy: current }
}

async function keepPlan(plan: Plan, { state }: ActionContext): Promise<string> {
  const path = await state.path('kbs', 'plan.json')
  await replaceFile(path, `${JSON.stringify(plan, null, 2)}\n`)
  return path
}
