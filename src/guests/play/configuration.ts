import { memberAt, type JsonObject } from '../../base/json.ts'
import { readToml } from '../../encoding/toml.ts'
import type { Initdata } from '../../initdata/document.ts'
import type { Step } from './step.ts'

const remade = 'Make the initdata with `sealwright guest pod`.'
/** Where a guest attests, where it asks for keys, and which client it asks with. */
const kbc = { live: 'cc_kbc', file: 'offline_fs_kbc' } as const

/**
 * Whether a guest with this initdata gets as far as its Key Broker Service: `token_configs.kbs` of aa.toml, which attests, and `kbc` of cdh.toml,
 * which asks for resources. A file that is missing is the guest image's own.
 *
 * @param url the KBS that is asked from here; null where none is
 */
export function configurationStep({ files }: Initdata, url: string | null): Step {
  const step = (outcome: Step['outcome'], why: string, remedy?: string): Step => ({
    ...{ step: 'initdata', of: url ?? 'aa.toml and cdh.toml', outcome, why, remedy },
  })
  const agent = tables(files.get('aa.toml'))
  const hub = tables(files.get('cdh.toml'))
  if (agent === undefined) return step('failed', 'aa.toml is not TOML, and the guest does not attest', remade)
  if (hub === undefined) return step('failed', 'cdh.toml is not TOML, and the guest’s hub does not start', remade)
  const attests = textAt(agent, 'token_configs', 'kbs', 'url')
  const client = textAt(hub, 'kbc', 'name')
  const asks = textAt(hub, 'kbc', 'url')
  if (agent !== null && attests === null)
    return step('failed', 'aa.toml names no KBS (token_configs.kbs.url), so that the guest cannot attest', remade)
  if (hub !== null && client !== kbc.live)
    return step(
      'failed',
      client === kbc.file
        ? `cdh.toml reads keys from a file of the guest (${kbc.file}), not from a KBS`
        : `cdh.toml has ${client === null ? 'no kbc.name' : `kbc.name "${client.slice(0, 100)}"`}, and the guest's hub does not start`,
      `Write name = "${kbc.live}" into the table [kbc] of cdh.toml.`,
    )
  if (hub !== null && asks === null) return step('failed', 'cdh.toml names no KBS (kbc.url)', remade)
  if (agent === null || hub === null)
    return step('not-known', `it has no ${agent === null ? 'aa.toml' : 'cdh.toml'}: the one of the guest counts`)
  const [first = '', ...others] = new Set([attests, asks, url].flatMap((one) => (one === null ? [] : [base(one)])))
  if (others.length === 0) return step('passed', `the guest attests to ${first} and asks it for keys`)
  return step(
    'not-known',
    `aa.toml attests to ${attests}, cdh.toml asks ${asks}${url === null ? '' : `, and --kbs-url is ${url}`}: whether they are one KBS cannot be seen`,
    'Give the URL that the guest uses, if it is reached from here.',
  )
}

/** Null for a file that is not there, undefined for one that is not TOML. */
function tables(text: string | undefined): JsonObject | null | undefined {
  if (text === undefined) return null
  try {
    return readToml(text)
  } catch {
    return undefined
  }
}

function base(url: string): string {
  return url.replace(/\/+$/, '')
}

function textAt(value: JsonObject | null, ...path: readonly string[]): string | null {
  const one = memberAt(value ?? undefined, path)
  return typeof one === 'string' && one !== '' ? one : null
}
