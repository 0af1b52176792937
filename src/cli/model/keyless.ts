import { asInput } from '../../base/as-input.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import { artifactOfDigest } from '../../bundle/artifact.ts'
import { openKeyless } from '../../bundle/keyless/sign.ts'
import { readSigningConfig } from '../../bundle/keyless/signing-config.ts'
import type { RawInputs } from '../../doors/context.ts'
import { trustedRootInput } from '../../doors/trusted-root.ts'
import { openTimeStamper } from '../../log/timestamp/time-stamper.ts'
import type { Digest } from '../../oci/types.ts'
import { publicGoodRoot } from '../../sign/public-root.ts'
import { explainRoot } from '../bundle/refusal.ts'
import { optionFile } from '../option-file.ts'

/**
 * Signs a statement keyless, and verifies the bundle before it is given back.
 *
 * @param subject digest of its subject
 * @throws InputError, TransportError; VerificationError where a service gave what the trusted root does not vouch for
 */
export async function signStatementKeyless(
  inputs: RawInputs,
  payload: Uint8Array,
  subject: Digest,
  ports: Ports,
): Promise<Buffer> {
  const config = await optionFile(inputs, 'signing-config')
  const { authority, log, timestamp } = asInput('signing-config', () => readSigningConfig(config, ports.clock.now()))
  const token = await inputs.secret('identity-token')
  if (token === null)
    throw new InputError('input-missing', 'keyless signing needs an identity token', {
      subject: 'identity-token',
      remedy: 'Give --identity-token env:NAME or a file.',
    })
  const given = await trustedRootInput(inputs, ports)
  const root = given ?? (await publicGoodRoot())
  const stamper = timestamp === null ? null : openTimeStamper(timestamp, [], ports)
  return explainRoot(given === null, async () => {
    const signer = await openKeyless({ authority, log, stamper, root, token: () => Promise.resolve(token) }, ports)
    return (await signer.sign({ kind: 'statement', payload }, artifactOfDigest(subject))).bundle
  })
}
