import { mkdir, mkdtemp, readFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { writeFile } from '../base/write-file.ts'
import { z } from 'zod'
import { InputError } from '../base/errors.ts'
import { digestSchema } from '../journal/event.ts'
import { watchSchema } from './start-message.ts'

/** `agent.json`: where the agent of a state directory is. A hint: what counts is what answers on the socket. */
export const agentFileSchema = z.strictObject({
  pid: z.int().min(1),
  socket: z.string(),
  keyId: z.string(),
  jobDigest: digestSchema,
  /** Tells the steps of one job from another's. */
  run: digestSchema,
  /** The job's worker process, where there is one. */
  watch: watchSchema.nullable(),
})
export type AgentFile = z.infer<typeof agentFileSchema>

export const agentFileName = 'agent.json'
export const journalFileName = 'journal.jsonl'
/** A Unix socket's path has 108 bytes on Linux; some tools count differently. */
const longestSocket = 100

/** Makes the state directory: private, and invisible to git and to build contexts. */
export async function ensureState(directory: string): Promise<void> {
  await mkdir(directory, { recursive: true, mode: 0o700 })
  await writeFile(join(directory, '.gitignore'), '*\n', { flag: 'wx', mode: 0o600 }).catch(
    (error: NodeJS.ErrnoException) => {
      if (error.code !== 'EEXIST') throw error
    },
  )
}

/** Path for the socket: in the state directory, or in a private folder of the system's temp where that would be too long. */
export async function socketPath(directory: string): Promise<string> {
  const path = join(directory, 'agent.sock')
  if (Buffer.byteLength(path) <= longestSocket) return path
  return join(await mkdtemp(join(tmpdir(), 'sealwright-')), 'agent.sock')
}

/** @throws InputError `state-conflict` for a file that is not ours */
export async function readAgentFile(directory: string): Promise<AgentFile | null> {
  const path = join(directory, agentFileName)
  const text = await readFile(path, 'utf8').catch((error: NodeJS.ErrnoException) => {
    if (error.code === 'ENOENT' || error.code === 'ENOTDIR') return null
    throw error
  })
  if (text === null) return null
  try {
    return agentFileSchema.parse(JSON.parse(text))
  } catch (cause) {
    throw new InputError('state-conflict', `${path} was not written by an agent of this version`, {
      subject: path,
      cause,
      remedy: 'Use another state directory, or remove this one.',
    })
  }
}
