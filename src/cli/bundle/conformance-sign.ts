import { asInput } from '../../base/as-input.ts'
import { artifactOf, artifactOfSubject, type Artifact } from '../../bundle/artifact.ts'
import { readSigningConfig, type SigningServices } from '../../bundle/keyless/signing-config.ts'
import { openKeyless, type KeylessContent } from '../../bundle/keyless/sign.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { trustedRootInput } from '../../doors/trusted-root.ts'
import { openTimeStamper } from '../../log/timestamp/time-stamper.ts'
import { publicGoodRoot } from '../../sign/public-root.ts'
import { parseStatement } from '../../statement/statement.ts'
import type { CommandResult } from '../command.ts'
import { writeNewFile } from '../new-file.ts'
import { optionFile } from '../option-file.ts'
import { refuseStaging } from './conformance.ts'
import { outputsOf } from './judge.ts'
import { explainRoot } from './refusal.ts'

/** `conformance sign-bundle`: the protocol of Sigstore's conformance suite (its docs/cli_protocol.md). */
export async function conformanceSignBundle(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  refuseStaging(inputs)
  const { content, artifact } = await signedContent(inputs)
  const services = await servicesOf(inputs, ports.clock.now())
  const given = await trustedRootInput(inputs, ports)
  const root = given ?? (await publicGoodRoot())
  const token = await tokenOf(inputs)
  const { authority, log, timestamp } = services
  const stamper = timestamp === null ? null : openTimeStamper(timestamp, [], ports)
  const { bundle, verified } = await explainRoot(given === null, async () => {
    const signer = await openKeyless({ authority, log, stamper, root, token: () => Promise.resolve(token) }, ports)
    return signer.sign(content, artifact)
  })
  const path = await writeNewFile(inputs, 'bundle', bundle)
  return { outputs: { ...outputsOf(verified), 'bundle-path': path }, text: `${path}\n` }
}

async function signedContent(inputs: RawInputs): Promise<{ content: KeylessContent; artifact: Artifact }> {
  inputs.required('file')
  const bytes = await optionFile(inputs, 'file')
  if (inputs.text('in-toto') === '')
    return { content: { kind: 'message', bytes }, artifact: artifactOf(bytes, inputs.text('file')) }
  const [subject] = asInput('file', () => parseStatement(bytes)).subject
  return { content: { kind: 'statement', payload: bytes }, artifact: artifactOfSubject(subject) }
}

async function servicesOf(inputs: RawInputs, at: Date): Promise<SigningServices> {
  const bytes = await optionFile(inputs, 'signing-config')
  return asInput('signing-config', () => readSigningConfig(bytes, at))
}

/** The suite gives the token as it is, so a literal one is taken here, and here alone. */
async function tokenOf(inputs: RawInputs): Promise<string> {
  const text = inputs.required('identity-token')
  if (/^eyJ[\w-]+\.[\w-]+\.[\w-]+$/.test(text)) return text
  return (await inputs.secret('identity-token')) ?? ''
}
