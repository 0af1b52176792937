import { open } from 'node:fs/promises'
import type { ActionContext, RawInputs } from '../../actions/context.ts'
import { machineAttester } from '../../agent/machine/attester.ts'
import { InputError } from '../../base/errors.ts'
import { technologies } from '../../base/technology.ts'
import { rcarSession } from '../../kbs/rcar.ts'
import { checkKbsUrl, parseKbsUri } from '../../kbs/uri.ts'

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
  const file = inputs.path('output')
  await writePrivate(file, value)
  return { outputs: { ...outputs, path: file }, text: '' }
}

/** 0600 from the first byte on; nothing is overwritten. */
async function writePrivate(path: string, value: Buffer): Promise<void> {
  const handle = await open(path, 'wx', 0o600).catch((cause: NodeJS.ErrnoException) => {
    const taken = cause.code === 'EEXIST'
    throw new InputError(
      taken ? 'exists' : 'file-invalid',
      `${path} ${taken ? 'exists already' : 'cannot be written'}`,
      {
        subject: 'output',
        cause,
        remedy: 'Name a new file, in a folder of memory (tmpfs) if it is a secret.',
      },
    )
  })
  try {
    await handle.writeFile(value)
  } finally {
    await handle.close()
  }
}
