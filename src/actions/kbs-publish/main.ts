import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { parseJson } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import { writeDelivered } from '../../tasks/delivered.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../../doors/context.ts'
import { writtenSchema, type Written } from '../../kbs/apply.ts'
import { withKbs, type KbsConnection } from '../../kbs-server/connect.ts'
import type { Caller } from '../../agent/caller.ts'
import { performTask } from '../../tasks/tasks.ts'
import { readInputs, type PublishInputs } from './inputs.ts'
import { publicationReport } from '../../report/publication.ts'

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
  const paths = { 'plan.json': planPath, 'written.json': place }
  const embedded = kbs.embedded === null ? null : { resourcePolicy: await kbs.embedded.resourcePolicy() }
  const { desired, changes, uris } = await performTask(
    'publish',
    { kbs: kbsUrl, url: kbs.url, embedded, mode, plan, written: await readWritten(place) },
    callerOf(inputs, kbs, paths, context.ports),
    context,
  )
  const changed = changes.some(({ action }) => action === 'write')
  return {
    outputs: { 'plan-path': planPath, changed: String(changed), 'resource-uris': uris.join('\n'), initdata: '' },
    report: publicationReport({ mode, kbsUrl, desired, changes, uris, planPath }),
  }
}

/** What an earlier run wrote there; null for none. @throws InputError `state-conflict` for a file that is damaged */
async function readWritten(path: string): Promise<Written | null> {
  const text = await readFile(path, 'utf8').catch(() => null)
  if (text === null) return null
  const found = writtenSchema.safeParse(parseJson(text, path, 'input'))
  if (found.success) return found.data
  throw new InputError('state-conflict', `"${path}" does not say what was written to this KBS`, {
    subject: path,
    cause: found.error,
    remedy: 'Remove the file: everything is then written again.',
  })
}

function callerOf(
  { adminKey }: PublishInputs,
  kbs: KbsConnection,
  paths: Readonly<Record<string, string>>,
  ports: Ports,
): Caller {
  return {
    fetch: (name) => Promise.reject(new InputError('not-found', `nothing is served as "${name}"`)),
    secret: async (name) => {
      const credential = kbs.embedded?.adminKeyPem ?? adminKey
      if (name === 'admin-key') return credential === null ? null : Buffer.from(credential)
      return name.startsWith('source:') ? readSource(name.slice('source:'.length), ports) : null
    },
    deliver: async (name, bytes) => {
      const path = paths[name]
      if (path === undefined) throw new InputError('not-found', `no file is kept as "${name}"`)
      await writeDelivered(path, bytes, 0o600)
    },
  }
}

/** `env:NAME` or `file:PATH` of a plan; null where there is none. */
async function readSource(source: string, ports: Ports): Promise<Buffer | null> {
  const rest = source.slice(source.indexOf(':') + 1)
  if (source.startsWith('env:')) {
    const value = ports.env[rest]
    return value === undefined ? null : Buffer.from(value)
  }
  return readFile(resolve(ports.roots.cwd, rest)).catch(() => null)
}
