import { realpath, stat } from 'node:fs/promises'
import { join } from 'node:path'
import { asInput } from '../../base/as-input.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { identityRule } from '../../bundle/identity.ts'
import { artifactOf } from '../../bundle/artifact.ts'
import { readBundle } from '../../bundle/read.ts'
import { verifyBundle, type ExpectedSigner, type VerifiedBundle } from '../../bundle/verify.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { trustedRootInput } from '../../doors/trusted-root.ts'
import { readPem } from '../../encoding/pem.ts'
import { parseCertificate } from '../../encoding/x509/certificate.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { publicGoodRoot } from '../../sign/public-root.ts'
import type { CommandResult } from '../command.ts'
import { requireImageName } from '../file-or-image.ts'
import { namedFile, optionFile } from '../option-file.ts'
import { artifactAt, judge } from './judge.ts'

/** `verify bundle`: one bundle over one file, or what is attached to an image. */
export async function verifyBundleCommand(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const file = inputs.required('file')
  const types = inputs.list('predicate-type')
  const kind = await kindOf(inputs.path('file'))
  if (kind === 'folder') return verifyModel(inputs, ports)
  if (inputs.text('certificate-chain') !== '')
    throw new InputError('input-invalid', 'certificate-chain is for the folder of a model', {
      subject: 'certificate-chain',
      remedy: 'Give --identity with --issuer and --trusted-root, or --public-key.',
    })
  if (inputs.text('bundle') === '') {
    if (kind === 'file') throw bundleMissing(file)
    requireImageName(file, ports.roots.cwd)
    const { judgeImage } = await import('./verify-image.ts')
    const rules = await rulesOf(inputs, namesSigner(inputs) ? await expectedSigner(inputs) : null, ports)
    return judgeImage(file, { ...rules, types, publicRoot: assumesPublicRoot(inputs) }, ports)
  }
  const rules = await rulesOf(inputs, await expectedSigner(inputs), ports)
  return judge(
    await optionFile(inputs, 'bundle'),
    await artifactAt(inputs.path('file'), 'file'),
    { ...rules, predicateTypes: types.length === 0 || types.includes('any') ? undefined : types },
    assumesPublicRoot(inputs),
  )
}

/**
 * Verifies the bundle that `bundle` names over bytes, with the options of `verify bundle`.
 *
 * @param name of the bytes, for errors
 * @throws VerificationError as `verify bundle` reports it; InputError where no signer is named
 */
export async function verifyBytes(
  inputs: RawInputs,
  bytes: Uint8Array,
  name: string,
  ports: Ports,
): Promise<VerifiedBundle> {
  const rules = await rulesOf(inputs, await expectedSigner(inputs), ports)
  return verifyBundle(readBundle(await optionFile(inputs, 'bundle')), artifactOf(bytes, name), rules)
}

/** Whether the public Sigstore instance counts because the command line names no other. */
function assumesPublicRoot(inputs: RawInputs): boolean {
  return inputs.text('trusted-root') === '' && inputs.text('public-key') === ''
}

async function rulesOf<T extends ExpectedSigner | null>(inputs: RawInputs, signer: T, ports: Ports) {
  const root = (await trustedRootInput(inputs, ports)) ?? (signer?.kind === 'key' ? null : await publicGoodRoot())
  const entries = root === null ? 0 : Number(inputs.choice('log-entries', ['0', '1', '2', '3']))
  return { signer, root, entries, certificateTimestamps: 1, now: ports.clock.now() }
}

function namesSigner(inputs: RawInputs): boolean {
  return ['public-key', 'identity', 'identity-pattern', 'issuer'].some((name) => inputs.text(name) !== '')
}

async function verifyModel(inputs: RawInputs, ports: Ports): Promise<CommandResult> {
  const { judgeModel } = await import('./verify-model.ts')
  const folder = await realpath(inputs.path('file'))
  const given = inputs.text('bundle') !== ''
  const named = given ? inputs.path('bundle') : join(folder, 'model.sig')
  const bundle = given ? await optionFile(inputs, 'bundle') : await namedFile(named, 'bundle')
  const request = { folder, bundlePath: await realpath(named), bundle, proc: ports.roots.proc }
  if (inputs.text('certificate-chain') === '')
    return judgeModel(request, {
      kind: 'bundle',
      rules: await rulesOf(inputs, await expectedSigner(inputs), ports),
      publicRoot: assumesPublicRoot(inputs),
    })
  if (namesSigner(inputs))
    throw new InputError('input-invalid', 'certificate-chain excludes public-key, identity and issuer', {
      subject: 'certificate-chain',
      remedy: 'Give one way to name the signer.',
    })
  const text = (await optionFile(inputs, 'certificate-chain')).toString('utf8')
  const chain = asInput('certificate-chain', () =>
    readPem(text, 'certificate-chain').map(({ bytes }) => parseCertificate(bytes, 'certificate-chain', 'signer')),
  )
  return judgeModel(request, { kind: 'authority', chain, now: ports.clock.now() })
}

async function kindOf(path: string): Promise<'file' | 'folder' | null> {
  return stat(path).then(
    (info) => (info.isDirectory() ? 'folder' : 'file'),
    () => null,
  )
}

/** A file without a bundle is a mistake, not an image that is not there. */
function bundleMissing(text: string): InputError {
  return new InputError('input-missing', `"${text}" is a file, and no bundle is given`, {
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
        remedy:
          'Give --public-key FILE, or --identity SAN (or --identity-pattern) with --issuer URL; for a model also --certificate-chain FILE.',
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
