import { dirname, relative, resolve } from 'node:path'
import type { ActionContext, RawInputs } from '../doors/context.ts'
import { z } from 'zod'
import { InputError } from '../base/errors.ts'
import { parseJson } from '../base/json.ts'
import type { Jwks } from '../journal/token.ts'
import { writeNewFile } from './new-file.ts'
import { namedFile } from './option-file.ts'

const jwksSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())).min(1) })

/** Writes a first policy to a new file, or to stdout; every relaxation that the image needs is told on stderr. */
export async function policyInit(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string>; text?: string }> {
  const image = inputs.required('image')
  const publicKeys = await Promise.all(
    inputs.list('public-key').map((file) => fileText('public-key', resolve(ports.roots.cwd, file))),
  )
  const timeAuthorities = await Promise.all(
    inputs.list('timestamp-authority').map((file) => fileText('timestamp-authority', resolve(ports.roots.cwd, file))),
  )
  const jwks = inputs.text('jwks') === '' ? undefined : await readJwks(inputs.path('jwks'))
  const { initPolicy } = await import('../verify/init/init.ts')
  const collateral = inputs.text('collateral') === '' ? undefined : collateralOf(inputs)
  const { text, warnings } = await initPolicy(image, { publicKeys, jwks, collateral, timeAuthorities }, ports)
  for (const warning of warnings) ports.log.warn(warning)
  if (inputs.text('output') === '') return { outputs: { policy: text }, text }
  const path = await writeNewFile(inputs, 'output', text, {
    remedy: 'Name another file, or move the old one away first.',
  })
  return { outputs: { 'policy-path': path }, text: `${path}\n` }
}

/** The policy names the folder from where the policy lies, if that is known. */
function collateralOf(inputs: RawInputs): { path: string; name: string } {
  const path = inputs.path('collateral')
  if (inputs.text('output') === '') return { path, name: path }
  const name = relative(dirname(inputs.path('output')), path)
  return { path, name: name === '' ? '.' : name }
}

async function readJwks(path: string): Promise<Jwks> {
  const found = jwksSchema.safeParse(parseJson(await fileText('jwks', path), path, 'input'))
  if (found.success) return found.data
  throw new InputError('file-invalid', `${path} is not a JWKS`, {
    subject: 'jwks',
    cause: found.error,
    remedy: 'Give the JSON document that the issuer serves at its jwks_uri: {"keys":[…]}.',
  })
}

async function fileText(name: string, path: string): Promise<string> {
  return (await namedFile(path, name)).toString('utf8')
}
