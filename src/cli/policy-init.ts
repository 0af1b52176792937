import { dirname, relative, resolve } from 'node:path'
import type { ActionContext, RawInputs } from '../doors/context.ts'
import { z } from 'zod'
import { asInput } from '../base/as-input.ts'
import { InputError } from '../base/errors.ts'
import { parseJson } from '../base/json.ts'
import type { GivenIdentities } from '../verify/init/identity-lines.ts'
import type { Jwks } from '../journal/token.ts'
import type { GivenLog } from '../verify/init/log-lines.ts'
import { writeNewFile } from './new-file.ts'
import { namedFile } from './option-file.ts'

const jwksSchema = z.object({ keys: z.array(z.record(z.string(), z.unknown())).min(1) })

/** Writes a first policy to a new file, or to stdout; every relaxation that the image needs is told on stderr. */
export async function policyInit(
  inputs: RawInputs,
  { ports }: ActionContext,
): Promise<{ outputs: Record<string, string>; text?: string }> {
  const image = inputs.required('image')
  const texts = (name: string): Promise<string[]> =>
    Promise.all(inputs.list(name).map((file) => fileText(name, resolve(ports.roots.cwd, file))))
  const [publicKeys, statusKeys] = [await texts('public-key'), await texts('status-key')]
  const { readAuthorityChain } = await import('../log/timestamp/authority.ts')
  const timeAuthorities = await Promise.all(
    inputs.list('timestamp-authority').map(async (file) => {
      const pem = await fileText('timestamp-authority', resolve(ports.roots.cwd, file))
      asInput('timestamp-authority', () => readAuthorityChain(pem, JSON.stringify(file)))
      return pem
    }),
  )
  const jwks = inputs.text('jwks') === '' ? undefined : await readJwks(inputs.path('jwks'))
  const { initPolicy } = await import('../verify/init/init.ts')
  const identities = await givenIdentities(inputs)
  const collateral = inputs.text('collateral') === '' ? undefined : collateralOf(inputs)
  const given = { publicKeys, statusKeys, identities, jwks, collateral, timeAuthorities, log: givenLog(inputs) }
  const { text, warnings } = await initPolicy(image, given, ports)
  for (const warning of warnings) ports.log.warn(warning)
  if (inputs.text('output') === '') return { outputs: { policy: text }, text }
  const path = await writeNewFile(inputs, 'output', text, {
    remedy: 'Name another file, or move the old one away first.',
  })
  return { outputs: { 'policy-path': path }, text: `${path}\n` }
}

/** The log to pin. @throws InputError `input-missing` for witnesses without a log */
function givenLog(inputs: RawInputs): GivenLog | undefined {
  const [key, witnesses] = [inputs.text('log-key'), inputs.list('log-witness')]
  const timed = inputs.text('log-witness-time') !== ''
  if (timed && witnesses.length === 0) {
    throw new InputError('input-missing', '--log-witness-time needs the witnesses whose time counts', {
      subject: 'log-witness',
      remedy: 'Give --log-witness NAME+HASH+BASE64 as well.',
    })
  }
  if (key !== '') return { key, witnesses, timed }
  if (witnesses.length === 0) return undefined
  throw new InputError('input-missing', '--log-witness needs the log that it watches', {
    subject: 'log-key',
    remedy: 'Give --log-key NAME+HASH+BASE64 as well.',
  })
}

function collateralOf(inputs: RawInputs): { path: string; name: string } {
  return { path: inputs.path('collateral'), name: besideOutput(inputs, 'collateral') }
}

/** A policy names files and folders from where it lies itself, if that is known. */
function besideOutput(inputs: RawInputs, option: string): string {
  const path = inputs.path(option)
  if (inputs.text('output') === '') return path
  const name = relative(dirname(inputs.path('output')), path)
  return name === '' ? '.' : name
}

/** @throws InputError `input-missing`, `input-invalid`, `file-missing` */
async function givenIdentities(inputs: RawInputs): Promise<GivenIdentities | undefined> {
  const [sans, issuers] = [inputs.list('identity', true), inputs.list('issuer', true)]
  const root = inputs.text('trusted-root')
  if (sans.length === 0 && issuers.length === 0 && root === '') return undefined
  const [issuer] = issuers
  if (sans.length === 0 || issuer === undefined || root === '') {
    throw new InputError('input-missing', 'an identity is not given whole', {
      subject: 'identity',
      remedy: 'Give --identity SAN, --issuer URL and --trusted-root FILE together.',
    })
  }
  if (issuers.length !== 1 && issuers.length !== sans.length) {
    throw new InputError('input-invalid', `${issuers.length} issuers are given for ${sans.length} identities`, {
      subject: 'issuer',
      remedy: 'Give one --issuer for all, or one for each --identity in the same order.',
    })
  }
  return {
    identities: sans.map((san, index) => ({ san, issuer: issuers[index] ?? issuer })),
    trustedRoot: {
      text: await fileText('trusted-root', inputs.path('trusted-root')),
      name: besideOutput(inputs, 'trusted-root'),
    },
  }
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
