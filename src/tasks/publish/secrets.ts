import type { Caller } from '../../agent/caller.ts'
import { InputError } from '../../base/errors.ts'
import type { Plan } from '../../kbs/plan-schema.ts'
import type { Secret } from '../../kbs/apply.ts'
import type { TaskContext } from '../context.ts'

/** Largest resource that a KBS takes. */
const limit = 2 << 20

/** Sources up to this size are kept for the time of a task, so that what is compared is what is written. Larger ones are read again. */
const kept = 64 << 10

/** A caller that reads each small source once; `forget` overwrites what was kept. */
export function readingOnce(caller: Caller): { caller: Caller; forget: () => void } {
  const found = new Map<string, Buffer>()
  const secret = async (name: string): Promise<Buffer | null> => {
    const known = found.get(name)
    if (known !== undefined) return known
    const bytes = await caller.secret(name)
    if (bytes !== null && bytes.length <= kept && name.startsWith('source:')) found.set(name, bytes)
    return bytes
  }
  return {
    caller: { fetch: (name) => caller.fetch(name), deliver: (name, bytes) => caller.deliver(name, bytes), secret },
    forget: () => {
      for (const bytes of found.values()) bytes.fill(0)
      found.clear()
    },
  }
}

/**
 * Gives the bytes of a resource from the source that the plan names; null for a key that the agent does not hold (any more). The step masks
 * what it reads. What the agent keeps is told to nobody, not even so that it can be hidden: a worker's log goes to the step.
 *
 * @param kbs the KBS as the step was given it: the agent gives a key for no other
 * @param made documents that are no secret, by URI
 */
export function secretsOf(
  plan: Plan,
  kbs: string,
  made: ReadonlyMap<string, Buffer>,
  context: TaskContext,
): (uri: string) => Promise<Secret | null> {
  return async (uri) => {
    const bytes = made.get(uri)
    if (bytes !== undefined) return { bytes, serverKey: null }
    return named(uri)
  }

  async function named(uri: string): Promise<Secret | null> {
    const source = plan.resources.find((one) => one.uri === uri)?.source ?? ''
    const value = await read(uri, source, kbs, context)
    if (value === null) return null
    checkSize(uri, value.bytes.length)
    return value
  }
}

function checkSize(uri: string, size: number): void {
  if (size > 0 && size <= limit) return
  throw new InputError('file-invalid', `${uri}: its source holds ${size} bytes`, {
    subject: uri,
    remedy: 'A resource has 1 byte to 2 MiB.',
  })
}

/** Whether a resource can be had; a key of the agent is not taken from it. @throws as {@link secretsOf} */
export function availableOf(
  plan: Plan,
  made: ReadonlyMap<string, Buffer>,
  context: TaskContext,
): (uri: string) => Promise<boolean> {
  return async (uri) => {
    if (made.has(uri)) return true
    const source = plan.resources.find((one) => one.uri === uri)?.source ?? ''
    if (source === 'agent' && context.agent !== null) return (await context.agent.status()).keys.includes(uri)
    checkSize(uri, (await read(uri, source, '', context))?.bytes.length ?? 0)
    return true
  }
}

async function read(uri: string, source: string, kbs: string, { agent, caller }: TaskContext): Promise<Secret | null> {
  if (source === 'agent') {
    if (agent !== null) return (await agent.status()).keys.includes(uri) ? agent.takeKey(uri, kbs) : null
    throw new InputError('no-agent', `${uri} is to come from the agent, and none runs`, {
      subject: uri,
      remedy: 'Run setup-cvm-runner and encrypt in this job.',
    })
  }
  const value = await caller.secret(`source:${source}`)
  if (value !== null) return { bytes: value, serverKey: null }
  throw new InputError('file-missing', `${uri}: its source "${source}" cannot be read`, {
    subject: uri,
    remedy: 'Name an environment variable that is set for this step (env:NAME), or a file that exists (file:PATH).',
  })
}
