import type { JobState } from '../../agent/job-state.ts'
import type { Ports } from '../../base/ports.ts'
import { roles, type Artifact } from '../../journal/event.ts'
import { resolveImage } from '../../oci/open.ts'

/**
 * The plain manifest from which this job encrypted a manifest, by the agent's journal; null where it did not. Statements about content speak of the
 * plain form (TRUST §4), whichever of the two a step was given.
 */
export async function plainForm(state: JobState, digest: string): Promise<Artifact | null> {
  const events = (await (await state.agent())?.journal()) ?? []
  const isImage = (artifact: Artifact): boolean => artifact.role === roles.image
  const event = events.findLast(
    ({ kind, outputs }) => kind === 'encrypt' && outputs.some((output) => isImage(output) && output.digest === digest),
  )
  return event?.inputs.find(isImage) ?? null
}

/** The image of this job to describe: its last, in plain form where that is known, so that nothing need be decrypted. */
export async function ownImage(state: JobState): Promise<string | null> {
  const last = await state.lastImage(['plain', 'published', 'encrypted'])
  const plain = await state.lastImage(['plain'])
  if (last === null || plain === null || last === plain) return last
  const form = await plainForm(state, last.slice(last.lastIndexOf('@') + 1))
  return form !== null && plain.endsWith(`@${form.digest}`) ? plain : last
}

/**
 * The plain form of an image that was given, where this job encrypted it and still knows where the plain form is: statements about content speak
 * of that one, in whatever order the steps run (TRUST §4).
 */
export async function preferPlain(state: JobState, text: string, ports: Ports): Promise<string> {
  if ((await state.agent()) === null) return text
  const plain = await state.lastImage(['plain'])
  const { descriptor } = await resolveImage(text, ports)
  const form = await plainForm(state, descriptor.digest)
  return form !== null && plain?.endsWith(`@${form.digest}`) === true ? plain : text
}
