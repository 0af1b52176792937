import type { EventKind } from '../../journal/event.ts'

/** Calls that a worker may make back to its agent. They stand on no socket (TRUST §4). */
export const agentCalls = [
  'status',
  'may-sign',
  'create-key',
  'wrap',
  'unwrap',
  'take-key',
  'decrypt',
  'report',
  'open-report',
  'attach-ear',
] as const
export type AgentCall = (typeof agentCalls)[number]

interface TaskRights {
  /** What its worker may ask of the agent. */
  readonly calls: readonly AgentCall[]
  /** Events that its worker may give the facts of. */
  readonly events: readonly EventKind[]
}

/** Reading an encrypted image: by a key that this agent still holds, or by one that a KBS gives to it. */
const reading = ['status', 'unwrap', 'decrypt', 'report', 'open-report'] as const

/** Every task that a step may hand in, and what its worker may do (TRUST §4). A task that is not here is refused. */
export const taskTable = {
  build: { calls: [], events: ['build'] },
  sbom: { calls: reading, events: ['sbom'] },
  encrypt: { calls: ['status', 'create-key', 'wrap'], events: ['encrypt'] },
  rewrap: { calls: [...reading, 'create-key', 'wrap'], events: ['encrypt'] },
  // `sbom` and `encrypt` over one reading of the layers.
  pass: { calls: ['status', 'create-key', 'wrap'], events: ['sbom', 'encrypt'] },
  // A signing key that a KBS gives to this job, used for what the journal tells alone.
  sign: { calls: ['status', 'may-sign', 'open-report', 'decrypt'], events: [] },
  publish: { calls: ['status', 'open-report', 'take-key'], events: ['publish'] },
  verify: { calls: reading, events: ['verify'] },
  promote: { calls: reading, events: ['verify', 'promote'] },
  attest: { calls: ['status', 'report', 'open-report', 'attach-ear', 'decrypt'], events: [] },
} as const satisfies Record<string, TaskRights>
export type TaskName = keyof typeof taskTable

export function isTaskName(name: string): name is TaskName {
  return Object.hasOwn(taskTable, name)
}

export function rightsOf(name: TaskName): TaskRights {
  return taskTable[name]
}
