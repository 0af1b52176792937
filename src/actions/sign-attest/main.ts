import { writeFile } from '../../base/write-file.ts'
import { isLoopback } from '../../base/loopback.ts'
import { formatReference } from '../../oci/reference.ts'
import type { ActionContext, ActionDoor, ActionResult } from '../../doors/context.ts'
import { readInputs } from './inputs.ts'
import { signAttest } from '../../tasks/sign/task.ts'
import { signingReport } from '../../report/signing/report.ts'

/** Signs an image and attaches what vouches for it. */
export const door: ActionDoor = {
  name: 'sign-attest',
  run: async (raw, context) => {
    const inputs = await readInputs(raw)
    const result = await signAttest(inputs, context)
    const { published } = result
    const image = formatReference(published.reference)
    await context.state.rememberImage(published.descriptor.digest, image, 'published')
    const paths = {
      bundles: await write(context, 'bundles.jsonl', lines(result.bundles)),
      receipts: await write(context, 'receipts.json', `${JSON.stringify(result.receipts, null, 2)}\n`),
      key: result.publicKeyPem === null ? null : await write(context, 'signer.pub', result.publicKeyPem),
      root: inputs.keyless?.trustedRoot ? await write(context, 'trusted-root.json', inputs.keyless.trustedRoot) : null,
    }
    if (paths.key !== null) await context.state.remember('public-key-path', paths.key)
    const outputs = {
      image,
      digest: published.descriptor.digest,
      'bundles-path': paths.bundles,
      'receipts-path': paths.receipts,
      'public-key-path': paths.key ?? '',
      'signer-identity': result.keyless?.identity.san.value ?? '',
      'signer-issuer': result.keyless?.identity.issuer ?? '',
    }
    return { outputs, report: signingReport(result, inputs, paths, hasLocalIssuer(context)) } satisfies ActionResult
  },
}

/** The token endpoint of a trial (localrun, act) is on loopback, and so is its issuer. */
function hasLocalIssuer({ ports }: ActionContext): boolean {
  const url = ports.env['ACTIONS_ID_TOKEN_REQUEST_URL'] ?? ''
  return URL.canParse(url) && isLoopback(new URL(url).host)
}

async function write(context: ActionContext, name: string, content: string | Buffer): Promise<string> {
  const path = await context.state.path('sign-attest', name)
  await writeFile(path, content)
  return path
}

/** Bundles as JSON lines, the form that `cosign download attestation` and `gh attestation` use. */
function lines(bundles: readonly Buffer[]): Buffer {
  return Buffer.concat(bundles.flatMap((bundle) => [bundle, Buffer.from('\n')]))
}
