import { readFile } from 'node:fs/promises'
import { resolve } from 'node:path'
import type { AgentClient } from '../../agent/protocol.ts'
import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'
import type { Plan } from '../../kbs/plan-schema.ts'

/** Largest resource that a KBS takes. */
const limit = 2 << 20

/**
 * Gives the bytes of a resource from the source that the plan names, masked in every form that a log could show; null for a key that the
 * agent does not hold (any more).
 */
export function secretsOf(
  plan: Plan,
  agent: AgentClient | null,
  ports: Ports,
): (uri: string) => Promise<Buffer | null> {
  return async (uri) => {
    const source = plan.resources.find((one) => one.uri === uri)?.source ?? ''
    const value = await read(uri, source, agent, ports)
    if (value === null) return null
    if (value.length === 0 || value.length > limit) {
      throw new InputError('file-invalid', `${uri}: its source holds ${value.length} bytes`, {
        subject: uri,
        remedy: 'A resource has 1 byte to 2 MiB.',
      })
    }
    for (const form of ['utf8', 'base64', 'base64url', 'hex'] as const) ports.log.mask(value.toString(form))
    return value
  }
}

async function read(uri: string, source: string, agent: AgentClient | null, ports: Ports): Promise<Buffer | null> {
  if (source === 'agent') {
    if (agent !== null) return (await agent.status()).keys.includes(uri) ? agent.takeKey(uri) : null
    throw new InputError('no-agent', `${uri} is to come from the agent, and none runs`, {
      subject: uri,
      remedy: 'Run setup-cvm-runner and encrypt in this job.',
    })
  }
  const rest = source.slice(source.indexOf(':') + 1)
  if (source.startsWith('env:')) {
    const value = ports.env[rest]
    if (value !== undefined) return Buffer.from(value)
    throw new InputError('input-missing', `${uri}: the environment variable ${rest} is not set`, {
      subject: uri,
      remedy: `Set ${rest} for this step.`,
    })
  }
  try {
    return await readFile(resolve(ports.roots.cwd, rest))
  } catch (cause) {
    throw new InputError('file-missing', `${uri}: ${rest} cannot be read`, {
      subject: uri,
      cause,
      remedy: 'Name a file that is there.',
    })
  }
}
