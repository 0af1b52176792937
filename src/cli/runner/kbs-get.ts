import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { machineAttester } from '../../agent/machine/attester.ts'
import { technologies } from '../../base/technology.ts'
import { rcarSession } from '../../kbs/rcar.ts'
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
  const technology = inputs.choice('technology', ['auto', ...technologies])
  const attester = await machineAttester(
    technology,
    {
      tpmDevice: inputs.text('tpm-device'),
      tpmKey: inputs.choice<'' | 'ecc' | 'rsa'>('tpm-key', ['', 'ecc', 'rsa']),
      akActivation: inputs.text('ak-activation'),
    },
    ports,
  )
  const value = await rcarSession(url, attester, ports).resource(path)
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
