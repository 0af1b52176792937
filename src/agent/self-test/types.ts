import type { Tree } from './tree.ts'
import type { User } from './user.ts'

/** What a failed check takes away. */
export type Claim = 'agent-exclusive' | 'storage-sealed' | 'ephemeral' | 'build-sandbox' | 'build-network'

export interface SelfCheck {
  name: string
  claim: Claim
  ok: boolean
  /** Only the booted machine can show it: neither true nor false of a tree. */
  later: boolean
  why: string
  /** What to do, where it failed. */
  remedy: string
}

export interface Machine {
  tree: Tree
  /** Who jobs run as. */
  jobs: User
  /** Who the machine's agent runs as. */
  agent: User | null
  /** Socket of the machine's agent. */
  socket: string
  /** Who the agent's workers run as, where they are asked for, and their folder. */
  workers: { name: string; user: User | null; socket: string; directory: string }
  /** Folder of the workflow runner. */
  runner: string
  /** Folders that a job, its containers and their secrets may lie in. */
  storage: readonly string[]
}

/** One finding: it holds where there are no faults, and what to do about them is told only where there are. */
export function check(claim: Claim, name: string, faults: readonly string[], good: string, remedy: string): SelfCheck {
  const ok = faults.length === 0
  return { name, claim, ok, later: false, why: ok ? good : faults.join('; '), remedy: ok ? '' : remedy }
}
