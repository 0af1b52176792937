import type { JsonValue } from '../../../src/base/json.ts'
import { agentPolicy } from '../../../src/deploy/agent-policy/write.ts'
import { changed, createContainer, id, image, metadata, shared, wanted, type CreateContainer } from './requests.ts'

// What a host may ask of a guest under our policy, and each known way around it (TRUST §8).

export const policy = agentPolicy(wanted)
/** Requests and what the policy says of them. */
export const asked: [name: string, rule: string, input: JsonValue, expected: boolean][] = []
const json = (value: unknown): JsonValue => JSON.parse(JSON.stringify(value)) as JsonValue

function rows(expected: boolean, list: readonly (readonly [name: string, rule: string, input: unknown])[]): void {
  for (const [name, rule, input] of list) asked.push([name, rule, json(input), expected])
}
type Change = (request: CreateContainer) => void
function create(expected: boolean, list: Readonly<Record<string, Change>>, kind?: 'sandbox'): void {
  rows(
    expected,
    Object.entries(list).map(([name, change]) => [name, 'CreateContainerRequest', changed(change, kind)]),
  )
}
const storageOf = (request: CreateContainer) => request.storages[0] ?? createContainer().storages[0]!
const other = `registry.example.com/team/app@sha256:${'cd'.repeat(32)}`
const cri = 'io.kubernetes.cri.container-type'
const crio = 'io.kubernetes.cri-o.ContainerType'
const mount = (
  destination: string,
  type_ = 'bind',
  source = `${shared}/${id}-dc49e1ba3ec278c5-hosts`,
  options = ['rbind'],
) => ({
  destination,
  source,
  type_,
  options,
})

create(true, {
  'the admitted container': () => undefined,
  'the same under a new agent, which takes no option': (r) => (storageOf(r).driver_options = []),
  'an order of its own': (r) => r.OCI.Process.Env.reverse(),
  'CRI-O': (r) => {
    r.OCI.Annotations[crio] = 'container'
    delete r.OCI.Annotations[cri]
  },
  'a cgroup of version 2': (r) =>
    r.OCI.Mounts.splice(3, 1, mount('/sys/fs/cgroup', 'cgroup2', 'cgroup', ['nsdelegate', 'ro'])),
})
create(
  true,
  { 'the sandbox': () => undefined, 'the sandbox of a new agent': (r) => (storageOf(r).driver_options = []) },
  'sandbox',
)

// The image: where its bytes come from.
create(false, {
  'another digest': (r) => (storageOf(r).source = other),
  'another driver': (r) => (storageOf(r).driver = 'local'),
  'another file system': (r) => (storageOf(r).fstype = 'erofs'),
  'another registry': (r) => (storageOf(r).source = image.replace('example.com', 'example.net')),
  'a tag': (r) => (storageOf(r).source = 'registry.example.com/team/app:1'),
  'a tag before the digest': (r) => (storageOf(r).source = image.replace('@', ':1@')),
  'text behind the digest': (r) => (storageOf(r).source = `${image}0`),
  'annotations of the admitted image, and storage of another': (r) => {
    storageOf(r).source = other
    storageOf(r).driver_options = [metadata({ 'io.kubernetes.cri.image-name': image, [cri]: 'container' })]
  },
  'the pause image of the guest in the place of the container': (r) => (storageOf(r).source = 'pause'),
  'no guest pull at all': (r) => r.storages.pop(),
  'no guest pull, and a root that the host shares': (r) => {
    r.storages.pop()
    r.OCI.Root.Path = `${shared}/${id}/rootfs`
  },
  'a pull, and a root that the host shares': (r) => (r.OCI.Root.Path = `${shared}/${id}/rootfs`),
  'a root beside the pulled one': (r) => (r.OCI.Root.Path = `/run/kata-containers/${id}/rootfs/../../x/rootfs`),
  'a bind-mounted root file system': (r) => {
    Object.assign(storageOf(r), {
      driver: 'local',
      fstype: 'bind',
      source: `${shared}/${id}/rootfs`,
      options: ['bind'],
    })
  },
  'a storage parked on the path of the root': (r) => {
    r.storages.push({ ...storageOf(r), driver: 'local', fstype: 'bind', source: `${shared}/x`, options: ['rbind'] })
  },
  'a storage parked before it': (r) => {
    r.storages.unshift({ ...storageOf(r), driver: 'ephemeral', fstype: 'tmpfs', source: 'tmpfs' })
  },
  'two pulls': (r) => r.storages.push({ ...storageOf(r), source: other }),
  'a pull to another place': (r) => (storageOf(r).mount_point = '/run/kata-containers/other/rootfs'),
  'a block device as root': (r) => Object.assign(storageOf(r), { driver: 'blk', fstype: 'ext4', source: '01/02' }),
  'a block device as root, chosen by an option of the mount': (r) => {
    storageOf(r).options = ['io.katacontainers.fs-opt.block_device=file', 'io.katacontainers.fs-opt.is-layer']
  },
  'an overlay of layers of the host': (r) => Object.assign(storageOf(r), { driver: 'overlayfs', source: 'none' }),
  'a group for the root': (r) => (storageOf(r).fs_group = { group_id: 0 }),
  'a shared storage': (r) => (storageOf(r).shared = true),
  'an id that leads elsewhere': (r) => {
    r.container_id = `x/../${id}`
    r.OCI.Root.Path = storageOf(r).mount_point = `/run/kata-containers/x/../${id}/rootfs`
  },
})

// The flag that makes a container the sandbox, which older agents read from two places and by two keys.
const flagged =
  (members: Record<string, string>): Change =>
  (r) =>
    (storageOf(r).driver_options = [metadata(members)])
const raw =
  (text: string): Change =>
  (r) =>
    (storageOf(r).driver_options = [`image_guest_pull=${text}`])
create(false, {
  'a container by annotation that is the sandbox by option': flagged({ [cri]: 'sandbox' }),
  'the same by the key of CRI-O': flagged({ [cri]: 'container', [crio]: 'sandbox' }),
  'the same with an escape': raw(`{"metadata":{"${cri}":"s\\u0061ndbox"}}`),
  'two options': (r) => storageOf(r).driver_options.unshift(metadata({ [cri]: 'sandbox' })),
  'a second option': (r) => storageOf(r).driver_options.push(metadata({ [cri]: 'sandbox' })),
  'the pause image, with a process of the host': (r) => {
    storageOf(r).source = 'pause'
    storageOf(r).driver_options = [metadata({ [cri]: 'sandbox' })]
  },
  'another option': (r) => (storageOf(r).driver_options = ['x=y']),
  'an option with more in it': raw(`{"metadata":{"${cri}":"container"},"more":{"a":"b"}}`),
  'a sandbox by one annotation, a container by the other': (r) => (r.OCI.Annotations[crio] = 'sandbox'),
  'a container that says sandbox': (r) => (r.OCI.Annotations[cri] = 'sandbox'),
  'a sandbox for the runtime alone': (r) =>
    (r.OCI.Annotations['io.katacontainers.pkg.oci.container_type'] = 'pod_sandbox'),
  'no type at all': (r) => delete r.OCI.Annotations[cri],
})
create(
  false,
  {
    'a sandbox that pulls': (r) => (storageOf(r).source = other),
    'a sandbox that pulls the admitted image': (r) => (storageOf(r).source = image),
    'a sandbox by annotation that is a container by option': flagged({ [cri]: 'container' }),
    'a sandbox with an empty option': flagged({}),
    'a sandbox whose flag stands twice': raw(`{"metadata":{"${cri}":"sandbox","${cri}":"container"}}`),
    'a sandbox whose flag stands outside': raw(`{"metadata":{"a":"b"},"${cri}":"sandbox","c":{}}`),
    'a sandbox whose flag stands behind': raw(`{"metadata":{"a":"b"},"${cri}":"sandbox"}`),
    'a sandbox whose flag stands in another member': raw(`{"metadata":{"a":"b"},"c":{"${cri}":"sandbox"}}`),
    'a sandbox without metadata': raw(`{"metadatas":{"${cri}":"sandbox"}}`),
    'a mount over the pause program': (r) => r.OCI.Mounts.push(mount('/pause')),
    'a sandbox with a hook': (r) => (r.OCI.Hooks = { Prestart: [] }),
    'a sandbox without a pull': (r) => r.storages.pop(),
  },
  'sandbox',
)

// Mounts over the image, and what else a request brings along.
create(false, {
  'a mount over the program': (r) => r.OCI.Mounts.push(mount('/usr/bin/app')),
  'a mount over a folder of libraries': (r) => r.OCI.Mounts.push(mount('/usr/lib')),
  'a mount over the root': (r) => r.OCI.Mounts.push(mount('/')),
  'a destination that leads elsewhere': (r) => r.OCI.Mounts.push(mount('/etc/../usr/bin/app')),
  'a destination with a slash behind': (r) => r.OCI.Mounts.push(mount('/etc/hosts/')),
  'two mounts in one place': (r) => r.OCI.Mounts.push(mount('/etc/hosts')),
  'a file of the guest as hosts': (r) => r.OCI.Mounts.splice(5, 1, mount('/etc/hosts', 'bind', '/etc/shadow')),
  'a deeper shared file': (r) =>
    r.OCI.Mounts.splice(5, 1, mount('/etc/hosts', 'bind', `${shared}/x/../../../etc-hosts`)),
  'a file system of the host in the place of proc': (r) =>
    r.OCI.Mounts.splice(0, 1, mount('/proc', 'bind', `${shared}/proc`)),
  propagation: (r) => r.OCI.Mounts.splice(5, 1, mount('/etc/hosts', 'bind', `${shared}/a-hosts`, ['rshared'])),
  'an overlay': (r) => r.OCI.Mounts.splice(1, 1, mount('/dev', 'overlay', 'overlay', ['lowerdir=/x'])),
  'no mounts that can be read': (r) => Object.assign(r.OCI, { Mounts: null }),
  'mounts shared between containers': (r) => r.shared_mounts.push({ src_ctr: 'x' }),
  'a device': (r) => r.devices.push({ container_path: '/dev/trusted_store' }),
  'a device of the container': (r) => r.OCI.Linux.Devices.push({ Path: '/dev/sda' }),
  'a rule for devices': (r) => r.OCI.Linux.Resources.Devices.push({ Allow: true }),
  hooks: (r) => (r.OCI.Hooks = { Prestart: [{ Path: '/x' }] }),
  'another system': (r) => Object.assign(r.OCI, { Windows: {} }),
  'a third system': (r) => Object.assign(r.OCI, { Solaris: {} }),
  'groups mapped': (r) => r.OCI.Linux.GIDMappings.push({ HostID: 0 }),
  'a label for mounts': (r) => (r.OCI.Linux.MountLabel = 'x'),
  'cache of the processor': (r) => Object.assign(r.OCI.Linux, { IntelRdt: {} }),
  'a namespace of users': (r) => r.OCI.Linux.Namespaces.push({ Type: 'user', Path: '' }),
  'an option of a kernel file system': (r) => r.OCI.Mounts.splice(0, 1, mount('/proc', 'proc', 'proc', ['suid'])),
  'shared memory in another place': (r) =>
    r.OCI.Mounts.splice(4, 1, mount('/usr/lib', 'bind', '/run/kata-containers/sandbox/shm')),
  'shared memory of another type': (r) =>
    r.OCI.Mounts.splice(4, 1, mount('/dev/shm', 'overlay', '/run/kata-containers/sandbox/shm')),
  'shared memory of the host': (r) => r.OCI.Mounts.splice(4, 1, mount('/dev/shm', 'bind', `${shared}/x`)),
  'shared memory that propagates': (r) =>
    r.OCI.Mounts.splice(4, 1, mount('/dev/shm', 'bind', '/run/kata-containers/sandbox/shm', ['rshared'])),
  'hosts of another type': (r) => r.OCI.Mounts.splice(5, 1, mount('/etc/hosts', 'overlay')),
  'a user by name': (r) => (r.string_user = { uid: 'root' }),
  'processes of the whole pod': (r) => (r.sandbox_pidns = true),
  'identifiers mapped': (r) => r.OCI.Linux.UIDMappings.push({ HostID: 0 }),
  'system calls that the host answers': (r) => (r.OCI.Linux.Seccomp = { DefaultAction: 'SCMP_ACT_ERRNO' }),
  'a kernel setting': (r) => (r.OCI.Linux.Sysctl['kernel.core_pattern'] = '|/x'),
  'a namespace of the guest': (r) => r.OCI.Linux.Namespaces.push({ Type: 'pid', Path: '/proc/1/ns/pid' }),
  'no namespace of mounts': (r) => r.OCI.Linux.Namespaces.splice(2, 1),
  'propagation of the root': (r) => (r.OCI.Linux.RootfsPropagation = 'shared'),
})

// The process.
create(false, {
  'other arguments': (r) => r.OCI.Process.Args.push('--insecure'),
  'another program': (r) => r.OCI.Process.Args.splice(0, 1, '/bin/sh'),
  'a variable that is not known': (r) => r.OCI.Process.Env.push('LD_PRELOAD=/etc/hosts'),
  'a known variable with another value': (r) => r.OCI.Process.Env.push('PATH=/tmp'),
  'a name that begins like one of the cluster': (r) => r.OCI.Process.Env.push('HOSTNAMES=x'),
  'a variable left out': (r) => r.OCI.Process.Env.splice(1, 1),
  'another folder': (r) => (r.OCI.Process.Cwd = '/'),
  'another user': (r) => (r.OCI.Process.User.UID = 0),
  'another group': (r) => (r.OCI.Process.User.GID = 0),
  'a name of a user': (r) => (r.OCI.Process.User.Username = 'root'),
  'a terminal': (r) => (r.OCI.Process.Terminal = true),
  'a label': (r) => (r.OCI.Process.SelinuxLabel = 'x'),
  'more capabilities': (r) => (r.OCI.Process.Capabilities.Effective = ['CAP_SYS_ADMIN']),
  'more ambient capabilities': (r) => r.OCI.Process.Capabilities.Ambient.push('CAP_SYS_MODULE'),
  'capabilities that cannot be read': (r) => Object.assign(r.OCI.Process.Capabilities, { Bounding: null }),
  'a root that cannot be written': (r) => (r.OCI.Root.Readonly = true),
})

// Other requests of a host.
const copy = (path: string, file_type = 'Regular') =>
  ['CopyFileRequest', { path, file_type, symlink_target: null }] as const
const named = `${shared}/${id}-dc49e1ba3ec278c5`
const shm = {
  driver: 'ephemeral',
  driver_options: [],
  source: 'shm',
  fstype: 'tmpfs',
  options: [],
  mount_point: '/run/kata-containers/sandbox/shm',
}
const sandbox = { guest_hook_path: '', kernel_modules: [], sandbox_pidns: false, storages: [shm] }
rows(true, [
  ['start', 'StartContainerRequest', { container_id: id }],
  ['hosts', ...copy(`${named}-hosts`)],
  ['hosts of the other runtime', ...copy(`${shared}/passthrough/${id}-dc49e1ba3ec278c5-hosts`)],
  ['sandbox', 'CreateSandboxRequest', sandbox],
  ['interface', 'UpdateInterfaceRequest', { interface: { name: 'eth0', hwAddr: '02:00:00:00:00:01', raw_flags: 0 } }],
  ['routes', 'UpdateRoutesRequest', { routes: { Routes: [{ device: 'eth0', source: '10.0.0.2' }] } }],
  [
    'neighbors',
    'AddARPNeighborsRequest',
    { neighbors: { ARPNeighbors: [{ device: 'eth0', toIPAddress: { address: '10.0.0.1' } }] } },
  ],
])
rows(false, [
  ...[
    'ExecProcess',
    'ReadStream',
    'WriteStream',
    'SetPolicy',
    'UpdateEphemeralMounts',
    'UpdateContainer',
    'GetDiagnosticData',
    'AddSwap',
  ].map((name) => [name, `${name}Request`, { container_id: id }] as const),
  ['requests that fail', 'AllowRequestsFailingPolicy', {}],
  ['a file in the root', ...copy(`/run/kata-containers/${id}/rootfs/x-hosts`)],
  ['a file above', ...copy(`${shared}/../${id}/x-hosts`)],
  ['a file below', ...copy(`${shared}/${id}/rootfs/x-hosts`)],
  ['a file of another name', ...copy(`${named}-app`)],
  ['a link', ...copy(`${named}-hosts`, 'Symlink')],
  ['a folder', ...copy(`${named}-hosts`, 'Directory')],
  ['a hook of the guest', 'CreateSandboxRequest', { ...sandbox, guest_hook_path: '/x' }],
  ['a kernel module', 'CreateSandboxRequest', { ...sandbox, kernel_modules: [{ name: 'x' }] }],
  [
    'a file system of the host',
    'CreateSandboxRequest',
    { ...sandbox, storages: [shm, { ...shm, driver: 'virtio-fs', fstype: 'virtiofs', source: 'kataShared' }] },
  ],
  ['memory in another place', 'CreateSandboxRequest', { ...sandbox, storages: [{ ...shm, mount_point: '/usr' }] }],
  ['processes of all containers', 'CreateSandboxRequest', { ...sandbox, sandbox_pidns: true }],
  ['another driver', 'CreateSandboxRequest', { ...sandbox, storages: [{ ...shm, driver: 'local' }] }],
  ['another file system', 'CreateSandboxRequest', { ...sandbox, storages: [{ ...shm, fstype: 'ext4' }] }],
  ['another source', 'CreateSandboxRequest', { ...sandbox, storages: [{ ...shm, source: 'x' }] }],
  ['an address of none', 'UpdateInterfaceRequest', { interface: { name: 'eth0', hwAddr: '00:00:00:00:00:00' } }],
  ['loopback', 'UpdateInterfaceRequest', { interface: { name: 'lo', hwAddr: 'x' } }],
  ['other flags', 'UpdateInterfaceRequest', { interface: { name: 'eth0', hwAddr: 'x', raw_flags: 256 } }],
  ['a route from loopback', 'UpdateRoutesRequest', { routes: { Routes: [{ device: 'eth0', source: '127.0.0.1' }] } }],
  ['a route from loopback (IPv6)', 'UpdateRoutesRequest', { routes: { Routes: [{ device: 'eth0', source: '::1' }] } }],
  [
    'a neighbor behind loopback',
    'AddARPNeighborsRequest',
    { neighbors: { ARPNeighbors: [{ device: 'lo', toIPAddress: { address: '10.0.0.1' } }] } },
  ],
  ['a route over loopback', 'UpdateRoutesRequest', { routes: { Routes: [{ device: 'lo', source: '' }] } }],
  [
    'a neighbor on loopback',
    'AddARPNeighborsRequest',
    { neighbors: { ARPNeighbors: [{ device: 'eth0', toIPAddress: { address: '127.0.0.1' } }] } },
  ],
])
