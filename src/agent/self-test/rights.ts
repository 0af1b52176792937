import { can } from './user.ts'
import { sudoRules } from './sudo.ts'
import { check, type Machine, type SelfCheck } from './types.ts'

/** Where a report or quote can be had, or a register extended. */
export const devices = [
  '/dev/tpm0',
  '/dev/tpmrm0',
  '/dev/sev-guest',
  '/dev/tdx_guest',
  '/dev/tdx-guest',
  '/sys/kernel/config/tsm/report',
  '/sys/devices/virtual/misc/tdx_guest/measurements/rtmr3:sha384',
  '/dev/mem',
]

/** Each of these groups is as good as root, or reaches the TEE. */
const privileged = [
  'root',
  'sudo',
  'wheel',
  'admin',
  'docker',
  'podman',
  'lxd',
  'incus',
  'libvirt',
  'kvm',
  'disk',
  'kmem',
  'shadow',
  'tss',
  'tpm',
  'sevguest',
  'systemd-journal',
]

export const containerSockets = [
  '/run/docker.sock',
  '/run/containerd/containerd.sock',
  '/run/podman/podman.sock',
  '/run/crio/crio.sock',
  '/run/buildkit/buildkitd.sock',
  '/run/libvirt/libvirt-sock',
]

/** Nobody but the agent reaches the TEE, and the job's user has no way to root. */
export async function rightsChecks(machine: Machine): Promise<SelfCheck[]> {
  const { tree, jobs, agent } = machine
  const open: string[] = []
  let present = 0
  for (const path of devices) {
    const writable = await can(tree, path, jobs, 'write')
    const readable = await can(tree, path, jobs, 'read')
    if (writable !== null) present++
    const folder = path.endsWith('/report')
    if (writable === true || (readable === true && !folder && !path.includes('measurements'))) open.push(path)
  }
  const sockets: string[] = []
  for (const path of containerSockets) if ((await can(tree, path, jobs, 'write')) === true) sockets.push(path)
  const groups = jobs.groups.filter(
    (group) => privileged.includes(group) || ((agent?.groups ?? []).includes(group) && group === agent?.name),
  )
  const rules = await sudoRules(tree, jobs)
  return [
    check(
      'agent-exclusive',
      'job-user',
      jobs.uid === 0
        ? ['jobs run as root']
        : agent !== null && agent.uid === jobs.uid
          ? ["jobs run as the agent's user"]
          : [],
      `jobs run as ${jobs.name} (${jobs.uid})`,
      "Give the runner a user of its own that is neither root nor the agent's.",
    ),
    check(
      'agent-exclusive',
      'tee-devices',
      open.map((path) => `${jobs.name} can open ${path}`),
      present === 0
        ? 'no device of a TEE is here'
        : `none of ${present} devices and registers can be opened by ${jobs.name}`,
      "Give them to the agent's group alone (udev rule, mode 0660) and take the job's user out of it.",
    ),
    check(
      'agent-exclusive',
      'groups',
      groups.map((group) => `${jobs.name} is in the group ${group}`),
      `groups: ${jobs.groups.join(', ')}`,
      'Take the user out of these groups: each is as good as root, or reaches the TEE.',
    ),
    check(
      'agent-exclusive',
      'sudo',
      rules,
      'no rule of sudo or doas names the user or its groups',
      'Remove these rules: a job with root can have any report made.',
    ),
    check(
      'agent-exclusive',
      'container-sockets',
      sockets.map((path) => `${jobs.name} can use ${path}`),
      'no socket of a container engine or hypervisor can be used',
      'Use rootless podman or buildah: who has such a socket is root.',
    ),
  ]
}
