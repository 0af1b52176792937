import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { machineAttester } from '../../agent/machine/attester.ts'
import { technologies } from '../../base/technology.ts'
import { InputError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import { rcarSession, type RcarOptions } from '../../kbs/rcar.ts'
import { teeKeyKinds } from '../../kbs/tee-key.ts'
import { checkKbsUrl, parseKbsUri } from '../../kbs/uri.ts'
import { writeNewFile } from '../new-file.ts'

/** Reads one resource of a KBS by attesting this machine, into a new private file or to stdout. */
export async function kbsGet(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string>; text?: string }> {
  const url = checkKbsUrl(inputs.required('kbs-url'), 'kbs-url')
  const uri = inputs.required('resource')
  const path = parseKbsUri(uri)
  const options = await optionsOf(inputs, uri)
  const technology = inputs.choice('technology', ['auto', ...technologies])
  const attester = await machineAttester(
    technology,
    {
      tpmDevice: inputs.text('tpm-device'),
      tpmKey: inputs.choice<'' | 'ecc' | 'rsa'>('tpm-key', ['', 'ecc', 'rsa']),
      akActivation: inputs.text('ak-activation'),
    },
    ports,
    inputs.choice('tee-key', teeKeyKinds),
  )
  const value = await rcarSession(url, attester, ports, options).resource(path)
  const outputs = { resource: uri, technology: attester.technology, size: String(value.length) }
  if (inputs.text('output') === '') {
    // A secret may be bytes: they go out as they are, and never into the JSON of --json.
    process.stdout.write(value)
    return { outputs }
  }
  const file = await writeNewFile(inputs, 'output', value, {
    mode: 0o600,
    remedy: 'Name a new file, in a folder of memory (tmpfs) if it is a secret.',
  })
  return { outputs: { ...outputs, path: file }, text: '' }
}

/** What the reader knows beside the address: pinned signers of tokens, the machine's init-data, the plan that published the resource. */
async function optionsOf(inputs: RawInputs, uri: string): Promise<RcarOptions> {
  const read = async (name: string): Promise<Buffer | null> =>
    inputs.text(name) === '' ? null : readNamedFile(inputs.path(name), name)
  const [keys, initData, plan] = [await read('trustee-keys'), await read('init-data'), await read('plan')]
  return {
    trust: keys === null ? undefined : (await import('../../kbs/ear-trust.ts')).readEarTrust(keys, 'trustee-keys'),
    initData: initData?.toString('utf8'),
    rule: plan === null ? undefined : await ruleOf(plan, inputs.text('plan'), uri),
  }
}

async function ruleOf(bytes: Buffer, path: string, uri: string): Promise<RcarOptions['rule']> {
  const { parsePlan, ruleFor } = await import('../../kbs/plan.ts')
  const rule = ruleFor(await parsePlan(bytes.toString('utf8'), path), uri)
  if (rule !== undefined) return rule
  throw new InputError('not-found', `--plan: "${path}" has no entry for ${uri}`, {
    subject: 'plan',
    remedy: 'Name the plan that published this resource, or leave `--plan` out.',
  })
}
