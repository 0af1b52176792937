import { stat } from 'node:fs/promises'
import { InputError, VerificationError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { identityRule } from '../../bundle/identity.ts'
import type { ExpectedSigner } from '../../bundle/verify.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { trustedRootInput } from '../../doors/trusted-root.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { publicGoodRoot } from '../../sign/public-root.ts'
import type { CommandResult } from '../command.ts'
import { optionFile } from '../option-file.ts'
import { artifactAt, judge } from './judge.ts'

/** `verify bundle`: one bundle over one file, or what is attached to an image. */
export async function verifyBundleCommand(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const file = inputs.required('file')
  const types = inputs.list('predicate-type')
  if (inputs.text('bundle') === '') {
    await requireImage(inputs.path('file'), file)
    const { judgeImage } = await import('./verify-image.ts')
    const rules = await rulesOf(inputs, namesSigner(inputs) ? await expectedSigner(inputs) : null, ports)
    return judgeImage(file, { ...rules, types }, ports)
  }
  const rules = await rulesOf(inputs, await expectedSigner(inputs), ports)
  return judge(await optionFile(inputs, 'bundle'), await artifactAt(inputs.path('file'), 'file'), {
    ...rules,
    predicateTypes: types.length === 0 ? undefined : types,
  })
}

async function rulesOf<T extends ExpectedSigner | null>(inputs: RawInputs, signer: T, ports: Ports) {
  const root = (await trustedRootInput(inputs, ports)) ?? (signer?.kind === 'key' ? null : await publicGoodRoot())
  const entries = root === null ? 0 : Number(inputs.choice('log-entries', ['0', '1', '2', '3']))
  return { signer, root, entries, certificateTimestamps: 1, now: ports.clock.now() }
}

function namesSigner(inputs: RawInputs): boolean {
  return ['public-key', 'identity', 'identity-pattern', 'issuer'].some((name) => inputs.text(name) !== '')
}

/** A file without a bundle is a mistake, not an image that is not there. @throws InputError `input-missing` */
async function requireImage(path: string, text: string): Promise<void> {
  const isThere = await stat(path).then(
    () => true,
    () => false,
  )
  if (!isThere) return
  throw new InputError('input-missing', `"${text}" is a file, and no bundle is given`, {
    subject: 'bundle',
    remedy: 'Give --bundle FILE. An image is named by HOST/NAME[:TAG] or oci:DIR.',
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

/** A file that the user pins is an input: what is wrong with it says nothing about the bundle. */
export function asInput<T>(name: string, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    if (!(cause instanceof VerificationError)) throw cause
    throw new InputError('file-invalid', `${name}: ${cause.message}`, {
      subject: name,
      cause,
      remedy: cause.remedy ?? 'Give the file as its maker wrote it.',
    })
  }
}
