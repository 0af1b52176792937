import { mkdir, readFile } from 'node:fs/promises'
import { dirname, isAbsolute, join, relative, resolve } from 'node:path'
import { z } from 'zod'
import { InputError } from '../base/errors.ts'
import type { Ports } from '../base/ports.ts'
import { sweep } from '../oci/lock.ts'
import { ensureState, readAgentFile } from './files.ts'
import { jobMark, sameJob } from './job.ts'
import { replaceFile } from '../base/files.ts'
import type { JobState } from './job-state.ts'
import type { AgentClient } from './protocol.ts'
import { contact, foreign } from './spawn.ts'

/** The state directory (INTERFACE §2): the option, else what `setup-cvm-runner` exported, else a folder of the job or the working directory. */
export function stateDirectory(option: string | undefined, ports: Ports): string {
  const { SEALWRIGHT_STATE: exported, RUNNER_TEMP: temp } = ports.env
  if (option !== undefined && option !== '') return resolve(ports.roots.cwd, option)
  if (exported !== undefined && exported !== '') return resolve(ports.roots.cwd, exported)
  if (temp !== undefined && temp !== '') return join(resolve(temp), 'sealwright')
  return join(ports.roots.cwd, '.sealwright')
}

const imagesSchema = z.array(
  z.strictObject({ digest: z.string(), reference: z.string(), role: z.enum(['plain', 'encrypted', 'published']) }),
)
const factsSchema = z.record(z.string(), z.string())

/** Opens a job's state. Nothing is written until something is to be kept. */
export function openState(directory: string, ports: Ports): JobState {
  async function path(...parts: string[]): Promise<string> {
    const full = resolve(directory, ...parts)
    const rest = relative(directory, full)
    if (rest.startsWith('..') || isAbsolute(rest)) {
      throw new InputError('input-invalid', `${parts.join('/')} leaves the state directory`, {
        subject: parts.join('/'),
      })
    }
    await ensureState(directory)
    await mkdir(dirname(full), { recursive: true, mode: 0o700 })
    return full
  }

  async function load<T>(name: string, schema: z.ZodType<T>, empty: T): Promise<T> {
    const file = join(directory, name)
    const text = await readFile(file, 'utf8').catch((error: NodeJS.ErrnoException) => {
      if (error.code === 'ENOENT') return null
      throw error
    })
    if (text === null) return empty
    try {
      return schema.parse(JSON.parse(text))
    } catch (cause) {
      throw new InputError('state-conflict', `${file} is damaged`, {
        subject: file,
        cause,
        remedy: 'Remove the state directory and run the job again.',
      })
    }
  }

  const save = async (name: string, value: unknown): Promise<void> => {
    const file = await path(name)
    // What a killed step left half-written.
    await sweep(directory, ports)
    await replaceFile(file, `${JSON.stringify(value, null, 1)}\n`)
  }

  return {
    directory,
    path,
    // Asked each time: a step of the same process may have started or stopped it since.
    agent: () => connect(directory, ports),
    rememberImage: async (digest, reference, role) => {
      const images = await load('images.json', imagesSchema, [])
      const others = images.filter(
        (image) => image.digest !== digest || image.role !== role || image.reference !== reference,
      )
      await save('images.json', [...others, { digest, reference, role }])
    },
    lastImage: async (roles) => {
      const images = await load('images.json', imagesSchema, [])
      return images.findLast((image) => roles.includes(image.role))?.reference ?? null
    },
    remember: async (name, value) => {
      const facts = await load('facts.json', factsSchema, {})
      await save('facts.json', { ...facts, [name]: value })
    },
    recall: async (name) => {
      const facts = await load('facts.json', factsSchema, {})
      return Object.hasOwn(facts, name) ? (facts[name] ?? null) : null
    },
  }
}

async function connect(directory: string, ports: Ports): Promise<AgentClient | null> {
  const file = await readAgentFile(directory)
  if (file === null) return null
  const living = await contact(file, ports)
  if (living === null) {
    throw new InputError('state-conflict', `the agent of this job (process ${file.pid}) no longer answers`, {
      subject: directory,
      remedy: 'Its keys are gone with it: run setup-cvm-runner again, and the steps after it.',
    })
  }
  if (!sameJob(file, await jobMark(ports))) throw foreign(directory)
  return living.client
}
