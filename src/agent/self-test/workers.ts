import type { Tree } from './tree.ts'
import { check, type Machine, type SelfCheck } from './types.ts'
import { can, changeable, type User } from './user.ts'

/** Sockets whose user is root, and folders of the engine that may hold one. */
export const engines = [
  '/run/docker.sock',
  '/run/podman/podman.sock',
  '/run/containerd/containerd.sock',
  '/run/crio/crio.sock',
]

/** The agent's work is done by workers under a user of their own, whom no job reaches (TRUST §4). */
export async function workerChecks({ tree, jobs, agent, workers }: Machine): Promise<SelfCheck[]> {
  const { user, socket, directory } = workers
  return [
    check(
      'agent-exclusive',
      'worker-user',
      userFaults(jobs, agent, workers),
      `workers run as ${user?.name ?? ''} (${user?.uid ?? ''})`,
      'Create the user sealwright-build, for workers alone (examples/runner/etc/sysusers.conf).',
    ),
    check(
      'agent-exclusive',
      'worker-socket',
      await socketFaults(tree, socket, { jobs, agent, user }),
      `${socket} can be opened by ${agent?.name ?? 'the agent'} alone, and replaced by root alone`,
      'Install examples/runner/units/sealwright-worker.socket: SocketUser=sealwright-agent, SocketMode=0600, in a folder of root.',
    ),
    check(
      'agent-exclusive',
      'worker-folder',
      await folderFaults(tree, directory, { jobs, agent, user }),
      `${directory} is of ${user?.name ?? 'the workers'} alone`,
      'Install examples/runner/units/sealwright-worker@.service: StateDirectoryMode=0700.',
    ),
    check(
      'agent-exclusive',
      'worker-engines',
      await engineFaults(tree, user),
      'no worker reaches an engine that runs as root',
      'Use rootless podman or buildah: who has such a socket is root.',
    ),
  ]
}

function userFaults(jobs: User, agent: User | null, { name, user }: Machine['workers']): string[] {
  if (user === null) return [`the machine has no user ${name}`]
  if (user.uid === 0) return ['workers run as root']
  const same = [jobs, agent].filter((other) => other?.uid === user.uid)
  const shared = user.gids.filter((gid) => jobs.gids.includes(gid) || agent?.gids.includes(gid) === true)
  return [
    ...same.map((other) => `workers run as ${other?.name ?? ''}`),
    ...shared.map((gid) => `${user.name} shares the group ${gid} with jobs or the agent`),
  ]
}

interface Parties {
  jobs: User
  agent: User | null
  user: User | null
}

async function socketFaults(tree: Tree, socket: string, { jobs, agent, user }: Parties): Promise<string[]> {
  const entry = await tree.entry(socket)
  if (entry === null) return [`${socket} is not there`]
  if (entry.type !== 'socket') return [`${socket} is no socket`]
  const faults: string[] = []
  if (agent === null || entry.uid !== agent.uid) faults.push(`${socket} belongs to user ${entry.uid}, not to the agent`)
  if ((entry.mode & 0o777) !== 0o600) faults.push(`${socket} has mode ${(entry.mode & 0o777).toString(8)}, not 600`)
  for (const one of [jobs, user])
    if (one !== null && (await can(tree, socket, one, 'write')) === true) faults.push(`${one.name} can connect to it`)
  const change = await changeable(tree, socket, agent === null ? [] : [agent.uid])
  return change === null ? faults : [...faults, change]
}

async function folderFaults(tree: Tree, directory: string, { jobs, agent, user }: Parties): Promise<string[]> {
  const entry = await tree.entry(directory)
  // systemd makes it for the first worker; its unit gives the mode.
  if (entry === null) return []
  if (entry.type !== 'directory') return [`${directory} is no folder`]
  const faults: string[] = []
  if (user !== null && entry.uid !== user.uid) faults.push(`${directory} belongs to user ${entry.uid}`)
  for (const one of [jobs, agent]) {
    if (one === null || one.uid === 0) continue
    for (const right of ['read', 'write', 'search'] as const)
      if ((await can(tree, directory, one, right)) === true) faults.push(`${one.name} can ${right} ${directory}`)
  }
  return faults
}

async function engineFaults(tree: Tree, user: User | null): Promise<string[]> {
  const faults: string[] = []
  if (user === null) return faults
  for (const path of engines)
    if ((await can(tree, path, user, 'write')) === true) faults.push(`${user.name} can use ${path}`)
  for (const group of user.groups)
    if (['root', 'docker', 'podman', 'sudo', 'wheel', 'disk', 'tss', 'kvm', 'lxd', 'incus'].includes(group))
      faults.push(`${user.name} is in the group ${group}`)
  return faults
}
