import { leavingBoot } from './later.ts'
import { agentChecks } from './agent.ts'
import { runnerChecks } from './hooks.ts'
import { rightsChecks } from './rights.ts'
import { sandboxChecks } from './sandbox.ts'
import { storageChecks } from './storage.ts'
import type { Tree } from './tree.ts'
import type { Machine, SelfCheck } from './types.ts'
import { findUser } from './user.ts'
import { workerChecks } from './workers.ts'

export interface SelfTestOptions {
  jobUser: string
  agentUser: string
  socket: string
  workerUser: string
  /** Socket of the listener of workers. */
  workerSocket: string
  /** Folder of the workers alone. */
  workerDirectory: string
  runner: string
  /** Further folders that must be sealed. */
  storage: readonly string[]
  /** False for the files of a machine that does not run: what only a boot shows is then for later. True by default. */
  booted?: boolean
}

/** Of a tree, `later` is what only the booted machine shows, where nothing in the tree contradicts it. */
export type Claimed = boolean | 'later'

export interface SelfTest {
  /** The image may say `level: agent-exclusive` in its reference values. */
  agentExclusive: Claimed
  /** It may say `storage: sealed`. */
  storageSealed: Claimed
  /** Every job has a machine of its own. */
  ephemeral: Claimed
  /** `prepare` and RUN get their sandbox (TRUST §4). */
  buildSandbox: Claimed
  /** That sandbox can have `network: default`. */
  buildNetwork: Claimed
  checks: SelfCheck[]
}

/**
 * Checks on a machine, or on the files of one, what its reference values will say of it. It is a help for whoever makes the image: what it says of
 * itself proves nothing to others, and the gate never reads it.
 *
 * @throws InputError `not-found` where there is no such user
 */
export async function selfTest(tree: Tree, options: SelfTestOptions): Promise<SelfTest> {
  const jobs = await findUser(tree, options.jobUser)
  const agent = await findUser(tree, options.agentUser).catch(() => null)
  const { socket, runner, workerUser: name, workerSocket, workerDirectory } = options
  const user = await findUser(tree, name).catch(() => null)
  const workers = { name, user, socket: workerSocket, directory: workerDirectory }
  const places = [
    '/tmp',
    '/var/tmp',
    jobs.home,
    `${runner}/_work`,
    '/var/lib/containers',
    '/var/lib/docker',
    '/var/log',
    workerDirectory,
  ]
  const storage = [...new Set([...places, ...options.storage])]
  const machine: Machine = { tree, jobs, agent, socket, workers, runner, storage }
  const judged = [
    ...(await rightsChecks(machine)),
    ...(await agentChecks(machine)),
    ...(await workerChecks(machine)),
    ...(await storageChecks(machine)),
    ...(await runnerChecks(machine)),
    // Builds run in the workers where there are any.
    ...(await sandboxChecks({ ...machine, jobs: user ?? jobs })),
  ]
  const checks = options.booted === false ? await leavingBoot(machine, judged) : judged
  const holds = (claim: SelfCheck['claim']): Claimed => {
    const own = checks.filter((item) => item.claim === claim)
    if (own.some(({ ok, later }) => !ok && !later)) return false
    return own.some(({ later }) => later) ? 'later' : true
  }
  return {
    agentExclusive: holds('agent-exclusive'),
    storageSealed: holds('storage-sealed'),
    ephemeral: holds('ephemeral'),
    buildSandbox: holds('build-sandbox'),
    buildNetwork: holds('build-network'),
    checks,
  }
}
