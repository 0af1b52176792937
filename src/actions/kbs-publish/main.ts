import { sha256 } from '../../base/streams.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../../doors/context.ts'
import { withKbs, type KbsConnection } from '../../kbs-server/connect.ts'
import { publishCaller } from '../../tasks/publish/caller.ts'
import { withState } from '../../tasks/publish/with-state.ts'
import { readWritten } from '../../tasks/publish/written.ts'
import { performTask } from '../../tasks/tasks.ts'
import { readInputs, type PublishInputs } from './inputs.ts'
import { isChange, publicationReport } from '../../report/publication.ts'

/** Plans and applies keys, policies and reference values on a KBS. */
export const door: ActionDoor = {
  name: 'kbs-publish',
  run: async (raw, context) => {
    const inputs = await readInputs(raw, context.ports)
    return withKbs(inputs.kbsUrl, context.ports, (kbs) => publish(inputs, kbs, context))
  },
}

async function publish(inputs: PublishInputs, kbs: KbsConnection, context: ActionContext): Promise<ActionResult> {
  const { kbsUrl, mode, plan } = inputs
  const place = await context.state.path('kbs', `${sha256(kbsUrl).slice(7, 39)}.json`)
  const planPath = await context.state.path('kbs', 'plan.json')
  const sealedPath = await context.state.path('kbs', 'sealed-secrets.json')
  const paths = { 'plan.json': planPath, 'written.json': place, 'sealed-secrets.json': sealedPath }
  const embedded = kbs.embedded === null ? null : { resourcePolicy: await kbs.embedded.resourcePolicy() }
  const { desired, changes, uris, initdata, sealed } = await withState(inputs, kbs, context.ports, async (state) =>
    performTask(
      'publish',
      {
        kbs: kbsUrl,
        url: kbs.url,
        embedded,
        mode,
        plan,
        admin: inputs.admin,
        state,
        written: await readWritten(place),
      },
      publishCaller(inputs.adminKey, kbs, paths, context.ports),
      context,
    ),
  )
  const changed = changes.some(isChange)
  return {
    outputs: {
      'plan-path': planPath,
      changed: String(changed),
      'resource-uris': uris.join('\n'),
      initdata,
      'sealed-secrets-path': sealed ? sealedPath : '',
    },
    report: publicationReport({ mode, kbsUrl, desired, changes, uris, planPath }),
  }
}
