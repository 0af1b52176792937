import { changeable } from './user.ts'
import { check, type Machine, type SelfCheck } from './types.ts'

const units = '/etc/systemd/system'
const hookNames = ['ACTIONS_RUNNER_HOOK_JOB_STARTED', 'ACTIONS_RUNNER_HOOK_JOB_COMPLETED']

/** Each job begins and ends with the admin's hooks, and the machine is used once. */
export async function runnerChecks(machine: Machine): Promise<SelfCheck[]> {
  const { tree, runner } = machine
  const texts = [(await tree.text(`${runner}/.env`)) ?? '']
  for (const name of await tree.list(units)) {
    if (name.endsWith('.service')) texts.push((await tree.text(`${units}/${name}`)) ?? '')
    for (const part of name.endsWith('.service.d') ? await tree.list(`${units}/${name}`) : [])
      texts.push((await tree.text(`${units}/${name}/${part}`)) ?? '')
  }
  const whole = texts.join('\n')
  // The folder of jobs may be a mount point that is made before the runner is installed.
  const files = (await tree.list(runner)).filter((name) => name !== '_work')
  const absent = files.length === 0 ? [`there is no runner in ${runner}`] : []
  const faults = [...absent]
  for (const name of hookNames) {
    const path = new RegExp(`${name}=["']?([^\\s"']+)`).exec(whole)?.[1]
    if (path === undefined) faults.push(`${name} is not set`)
    else {
      const change = await changeable(tree, path, [])
      if (change !== null) faults.push(`${name}: ${change}`)
    }
  }
  const settings = (await tree.text(`${runner}/.runner`)) ?? ''
  const jit = /jitconfig/i.test(whole)
  const ephemeral = jit || /"ephemeral"\s*:\s*true/i.test(settings)
  return [
    check(
      'ephemeral',
      'hooks',
      faults,
      'both hooks are set, and only root can change them',
      absent.length > 0
        ? 'Install the runner there, or name its folder with --runner.'
        : "Set them in the runner's .env or unit, to scripts of root (examples/runner/hooks).",
    ),
    check(
      'ephemeral',
      'one-job',
      ephemeral || absent.length > 0
        ? absent
        : ['the runner is not ephemeral: a second job would find what the first left'],
      jit
        ? 'the runner starts from a just-in-time configuration, which is good for one job'
        : 'the runner is registered as ephemeral',
      absent.length > 0
        ? 'Install the runner there, or name its folder with --runner.'
        : 'Start it with a just-in-time configuration (docs/runner-admin.md), and end the machine after the job.',
    ),
  ]
}
