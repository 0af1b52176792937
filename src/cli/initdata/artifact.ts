import { basename } from 'node:path'
import { asInput } from '../../base/as-input.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { agentPolicyProblems } from '../../deploy/agent-policy/problems.ts'
import { parseGuestPolicy } from '../../guests/play/policy.ts'
import { readInitdata } from '../../initdata/document.ts'
import { parseRego } from '../../kbs/rego/parse.ts'
import { putArtifact } from '../../oci/artifact.ts'
import { openStore } from '../../oci/open.ts'
import { formatReference, parseReference } from '../../oci/reference.ts'
import type { CommandResult } from '../command.ts'
import { optionFile } from '../option-file.ts'

/** Kinds of files for guests: media type of the content, and what refuses another file. */
export const guestArtifacts = {
  initdata: { media: 'toml', read: (bytes: Buffer) => readInitdata(bytes, 'file') },
  'agent-policy': {
    media: 'rego',
    read: (bytes: Buffer) => {
      const wrong = agentPolicyProblems(bytes.toString('utf8'), null).find(({ accept }) => accept === null)
      if (wrong !== undefined) throw new VerificationError('format-invalid', wrong.what, { subject: 'file' })
    },
  },
  'image-policy': { media: 'json', read: (bytes: Buffer) => parseGuestPolicy(bytes, 'file') },
  'resource-policy': { media: 'rego', read: (bytes: Buffer) => parseRego(bytes.toString('utf8')) },
} as const

/** `initdata put`: a file for guests as an artifact, which is signed and promoted as an image is. Equal files have equal digests. */
export async function artifactPut(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const kinds = ['initdata', 'agent-policy', 'image-policy', 'resource-policy'] as const
  const kind = inputs.choice('kind', kinds)
  const bytes = await optionFile(inputs, 'file')
  const { media, read } = guestArtifacts[kind]
  asInput('file', () => read(bytes))
  const to = parseReference(inputs.required('to'), ports.roots.cwd)
  if (to.tag === undefined || to.digest !== undefined)
    throw new InputError('input-invalid', `--to: "${inputs.text('to')}" does not name a tag`, {
      subject: 'to',
      remedy: 'Write oci:DIR:TAG or HOST/NAME:TAG.',
    })
  const artifactType = `application/vnd.sealwright.${kind}.v1`
  const annotations = { 'org.opencontainers.image.title': basename(inputs.required('file')) }
  const layers = [{ mediaType: `${artifactType}+${media}`, bytes, annotations }]
  const { digest } = await putArtifact(openStore(to, ports), { artifactType, layers, tag: to.tag })
  const image = formatReference({ ...to, tag: undefined, digest })
  return { outputs: { image, digest, kind }, text: `${image}\n` }
}
