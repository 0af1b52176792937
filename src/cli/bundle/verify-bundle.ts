import { asInput } from '../../base/as-input.ts'
import { InputError } from '../../base/errors.ts'
import { identityRule } from '../../bundle/identity.ts'
import type { ExpectedSigner } from '../../bundle/verify.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { parseTrustedRoot, type TrustedRoot } from '../../sign/trusted-root.ts'
import type { CommandResult } from '../command.ts'
import { optionFile } from '../option-file.ts'
import { artifactAt, judge } from './judge.ts'

/** `verify bundle`: one bundle over one file. */
export async function verifyBundleCommand(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  inputs.required('file')
  const signer = await expectedSigner(inputs)
  const root = await trustedRoot(inputs, signer)
  const types = inputs.list('predicate-type')
  return judge(await optionFile(inputs, 'bundle'), await artifactAt(inputs.path('file'), 'file'), {
    signer,
    root,
    entries: root === null ? 0 : Number(inputs.choice('log-entries', ['0', '1', '2', '3'])),
    certificateTimestamps: 1,
    predicateTypes: types.length === 0 ? undefined : types,
    now: ports.clock.now(),
  })
}

/** Whom the options name: a key, or an identity. @throws InputError when it is not exactly one */
async function expectedSigner(inputs: RawInputs): Promise<ExpectedSigner> {
  const [key, san, pattern, issuer] = ['public-key', 'identity', 'identity-pattern', 'issuer'].map((name) =>
    inputs.text(name),
  )
  const named = [key, san, pattern].filter((text) => text !== '').length
  if (named !== 1 || (key === '') !== (issuer !== '')) {
    throw new InputError(
      'input-invalid',
      'the signer is not named: expected is a public key, or an identity with its issuer',
      {
        subject: 'public-key',
        remedy: 'Give --public-key FILE, or --identity SAN (or --identity-pattern) with --issuer URL.',
      },
    )
  }
  if (key !== '') return { kind: 'key', key: await keyOption(inputs, 'public-key') }
  return {
    kind: 'identity',
    rules: [identityRule({ issuer: issuer ?? '', san: san || null, pattern: pattern || null }, 'identity')],
  }
}

/** @throws InputError `file-invalid` */
export async function keyOption(inputs: RawInputs, name: string) {
  const text = (await optionFile(inputs, name)).toString('utf8')
  return asInput(name, () => loadPublicKey(`${text.trim()}\n`, name))
}

/** The pinned root; without one a key is verified by itself, and an identity by the public instance. */
async function trustedRoot(inputs: RawInputs, signer: ExpectedSigner): Promise<TrustedRoot | null> {
  if (inputs.text('trusted-root') !== '') return rootOption(inputs)
  if (signer.kind === 'key') return null
  const { publicGoodRoot } = await import('../../sign/public-root.ts')
  return publicGoodRoot()
}

/** @throws InputError `file-invalid` */
export async function rootOption(inputs: RawInputs): Promise<TrustedRoot> {
  const bytes = await optionFile(inputs, 'trusted-root')
  return asInput('trusted-root', () => parseTrustedRoot(bytes))
}
