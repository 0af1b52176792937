import { open, readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { ActionContext, RawInputs } from '../actions/context.ts'
import { InputError } from '../base/errors.ts'

/** Writes a first policy to a new file, or to stdout; every relaxation that the image needs is told on stderr. */
export async function policyInit(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string>; text?: string }> {
  const image = inputs.required('image')
  const publicKeys = await Promise.all(inputs.list('public-key').map((file) => keyText(file, ports.roots.cwd)))
  const { initPolicy } = await import('../verify/policy/init.ts')
  const { text, warnings } = await initPolicy(image, { publicKeys }, ports)
  for (const warning of warnings) ports.log.warn(warning)
  if (inputs.text('output') === '') return { outputs: { policy: text }, text }
  const path = inputs.path('output')
  await writeNew(path, text)
  return { outputs: { 'policy-path': path }, text: `${path}\n` }
}

async function keyText(file: string, cwd: string): Promise<string> {
  return readFile(resolve(cwd, file), 'utf8').catch((cause: unknown) => {
    throw new InputError('file-missing', `${file} cannot be read`, { subject: 'public-key', cause, remedy: 'Name a PEM file.' })
  })
}

/** A policy that somebody wrote is never overwritten. */
async function writeNew(path: string, text: string): Promise<void> {
  const handle = await open(path, 'wx').catch((cause: NodeJS.ErrnoException) => {
    const taken = cause.code === 'EEXIST'
    throw new InputError(taken ? 'exists' : 'file-invalid', `${path} ${taken ? 'exists already' : 'cannot be written'}`, {
      subject: 'output',
      cause,
      remedy: taken ? 'Name another file, or move the old one away first.' : 'Name a file in a folder that exists.',
    })
  })
  try {
    await handle.writeFile(text)
  } finally {
    await handle.close()
  }
}
