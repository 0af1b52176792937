import { can, changeable } from './user.ts'
import { check, type Machine, type SelfCheck } from './types.ts'

/** The agent is another user, and nobody can put anything in its place. */
export async function agentChecks(machine: Machine): Promise<SelfCheck[]> {
  const { tree, jobs, agent, socket } = machine
  const owners = agent === null ? [] : [agent.uid]
  const entry = await tree.entry(socket)
  const faults: string[] = []
  if (agent === null) faults.push('the machine has no user for the agent')
  if (entry === null) faults.push(`${socket} is not there`)
  else if (entry.type !== 'socket') faults.push(`${socket} is no socket`)
  else {
    const change = await changeable(tree, socket, owners)
    if (change !== null) faults.push(change)
    if ((await can(tree, socket, jobs, 'write')) !== true) faults.push(`${jobs.name} cannot connect to ${socket}`)
  }
  const scope = ((await tree.text('/proc/sys/kernel/yama/ptrace_scope')) ?? '').trim()
  return [
    check(
      'agent-exclusive',
      'agent-socket',
      faults,
      `${socket} belongs to root or ${agent?.name ?? 'the agent'}, and ${jobs.name} can connect`,
      "Install examples/runner/units/sealwright-agent.socket and examples/runner/units/sealwright-agent.service: the path is root's, its group the jobs'.",
    ),
    check(
      'agent-exclusive',
      'ptrace',
      Number(scope) >= 1 && scope !== '' ? [] : [`kernel.yama.ptrace_scope is ${scope === '' ? 'not there' : scope}`],
      `kernel.yama.ptrace_scope is ${scope}`,
      'Set kernel.yama.ptrace_scope=2 (examples/runner/etc/sysctl.conf).',
    ),
  ]
}
