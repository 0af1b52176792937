import type { JobState } from '../agent/job-state.ts'
import { InputError } from '../base/errors.ts'

/** What the state remembers of an image: whether it is the plain, the encrypted or the published one. */
export type ImageRole = 'plain' | 'encrypted' | 'published'

/**
 * The image that a step works on where the input `image` is left out: the job's own, for which an agent vouches (INTERFACE §2). A state directory
 * without an agent may be left over from an earlier run, so its image is never taken silently.
 *
 * @param roles in which the image may have been remembered; the last one counts
 * @param find looks the image up in the state; default: the last one in these roles
 * @param otherwise what else the reader may do, after "Give `image`"
 * @throws InputError `input-missing` without an agent, or where the job made no such image
 */
export async function jobImage(
  state: JobState,
  roles: readonly ImageRole[],
  {
    find = (own: JobState) => own.lastImage(roles),
    otherwise = '',
  }: { find?: (state: JobState) => Promise<string | null>; otherwise?: string } = {},
): Promise<string> {
  const agent = await state.agent()
  const last = agent === null ? null : await find(state)
  if (last !== null) return last
  const made = roles.includes('plain') ? 'built' : 'published'
  const why = agent === null ? 'no agent runs whose job could name one' : `this job has ${made} none`
  throw new InputError('input-missing', `no image was given, and ${why}`, {
    subject: 'image',
    remedy: `Give \`image\`, or ${made === 'built' ? 'build' : 'publish'} one in this job after setup-cvm-runner${otherwise}.`,
  })
}

/** Name under which the state remembers where the job verified an image, by its digest. */
export function verifiedAt(digest: string): string {
  return `verified-${digest.slice('sha256:'.length)}`
}
