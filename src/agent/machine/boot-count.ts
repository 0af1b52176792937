import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { z } from 'zod'
import { InputError, VerificationError } from '../../base/errors.ts'
import { replaceFile } from '../../base/files.ts'

const fileName = 'boot.json'
const schema = z.strictObject({ boot: z.string().min(8).max(128), jobs: z.int().min(0) })

/** Jobs of this boot so far. @throws InputError `state-conflict` for a file that is damaged: what cannot be read is never "none" */
export async function jobsOfBoot(directory: string, boot: string): Promise<number> {
  const path = join(directory, fileName)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT') return null
    throw error
  })
  if (text === null) return 0
  try {
    const state = schema.parse(JSON.parse(text))
    return state.boot === boot ? state.jobs : 0
  } catch (cause) {
    throw new InputError('state-conflict', `${path} is damaged, so the jobs of this boot cannot be counted`, {
      subject: path,
      cause,
      remedy: 'Boot this machine anew, from its image.',
    })
  }
}

/**
 * Counts one more job of this boot, on disk before anything is started: a job whose agent failed to start counts too.
 *
 * @param atLeast what the caller counted itself since it started
 * @returns which job of this boot it is, from 1
 */
export async function countJob(directory: string, boot: string, atLeast = 0): Promise<number> {
  if (!/^[0-9a-f]{8}-[0-9a-f-]{27}$/.test(boot)) {
    throw new VerificationError('evidence-invalid', `the kernel gives no boot id (${boot})`, { subject: 'boot_id' })
  }
  const jobs = Math.max(atLeast, await jobsOfBoot(directory, boot)) + 1
  await replaceFile(join(directory, fileName), `${JSON.stringify({ boot, jobs })}\n`)
  return jobs
}
