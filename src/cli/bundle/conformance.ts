import { stat } from 'node:fs/promises'
import { InputError } from '../../base/errors.ts'
import { artifactOfDigest, type Artifact } from '../../bundle/artifact.ts'
import { identityRule } from '../../bundle/identity.ts'
import type { ExpectedSigner } from '../../bundle/verify.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { trustedRootInput } from '../../doors/trusted-root.ts'
import { isDigest } from '../../oci/digest.ts'
import { publicGoodRoot } from '../../sign/public-root.ts'
import type { CommandResult } from '../command.ts'
import { optionFile } from '../option-file.ts'
import { artifactAt, judge } from './judge.ts'
import { keyOption } from './verify-bundle.ts'

/** `conformance verify-bundle`: the protocol of Sigstore's conformance suite (its docs/cli_protocol.md). */
export async function conformanceVerifyBundle(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  refuseStaging(inputs)
  const root = await trustedRootInput(inputs, ports)
  return judge(
    await optionFile(inputs, 'bundle'),
    await artifactNamed(inputs),
    { signer: await signerOf(inputs), root: root ?? (await publicGoodRoot()), now: ports.clock.now() },
    root === null,
  )
}

/** @throws InputError `unsupported` */
export function refuseStaging(inputs: RawInputs): void {
  if (inputs.text('staging') === '') return
  throw new InputError('unsupported', '--staging: the trusted root of Sigstore’s staging instance is not included', {
    subject: 'staging',
    remedy: 'Give its trusted root by --trusted-root FILE.',
  })
}

async function signerOf(inputs: RawInputs): Promise<ExpectedSigner> {
  const san = inputs.text('certificate-identity')
  const issuer = inputs.text('certificate-oidc-issuer')
  if (inputs.text('key') !== '') {
    if (san + issuer === '') return { kind: 'key', key: await keyOption(inputs, 'key') }
    throw new InputError('input-invalid', 'key and certificate-identity exclude each other', {
      subject: 'key',
      remedy: 'Give one of them.',
    })
  }
  if (san === '' || issuer === '') {
    throw new InputError('input-missing', 'the signer is not named', {
      subject: 'certificate-identity',
      remedy: 'Give --certificate-identity with --certificate-oidc-issuer, or --key.',
    })
  }
  return { kind: 'identity', rules: [identityRule({ issuer, san, pattern: null }, 'certificate-identity')] }
}

/** The protocol's rule: a digest is what begins with `sha256:`, has its length, and is no path on disk. */
async function artifactNamed(inputs: RawInputs): Promise<Artifact> {
  const word = inputs.required('file-or-digest')
  const path = inputs.path('file-or-digest')
  const isThere = await stat(path).then(
    () => true,
    () => false,
  )
  return isDigest(word) && !isThere ? artifactOfDigest(word) : artifactAt(path, 'file-or-digest')
}
