import type { JsonObject } from '../../../src/base/json.ts'
import type { AgentPolicyRequest } from '../../../src/deploy/agent-policy/write.ts'

// What Kata's runtime asks of the agent for a pod of one container, field by field, in the agent's own JSON form.

export const image = `registry.example.com/team/app@sha256:${'ab'.repeat(32)}`
export const wanted: AgentPolicyRequest = {
  image,
  args: ['/usr/bin/app', '--port', '8080'],
  env: ['PATH=/usr/bin', 'MODE=production'],
  cwd: '/srv',
  uid: 1000,
  gid: 1000,
  readonly: false,
  logs: false,
}

export const id = '5cd5b1a9a4ccc5c9fcf9fcc66fb72bf01e0920a1f34ef505f744119db6679c41'
export const shared = '/run/kata-containers/shared/containers'
const root = `/run/kata-containers/${id}/rootfs`
const caps = ['CAP_CHOWN', 'CAP_KILL']

interface Mount {
  destination: string
  source: string
  type_: string
  options: string[]
}
interface Storage {
  driver: string
  driver_options: string[]
  source: string
  fstype: string
  options: string[]
  mount_point: string
  fs_group: null | JsonObject
  shared: boolean
}

const mount = (destination: string, type_: string, source: string, ...options: string[]): Mount => ({
  destination,
  source,
  type_,
  options,
})
const file = (destination: string, name: string): Mount =>
  mount(destination, 'bind', `${shared}/${id}-dc49e1ba3ec278c5-${name}`, 'rbind', 'rprivate', 'rw')

export const metadata = (members: Record<string, string>): string =>
  `image_guest_pull=${JSON.stringify({ metadata: members })}`

/** A request to create a container; `kind` is what all of it says it is. */
export function createContainer(kind: 'container' | 'sandbox' = 'container') {
  const annotations: Record<string, string> = {
    'io.katacontainers.pkg.oci.bundle_path': `/run/containerd/io.containerd.runtime.v2.task/k8s.io/${id}`,
    'io.katacontainers.pkg.oci.container_type': `pod_${kind}`,
    'io.kubernetes.cri.container-type': kind,
    'io.kubernetes.cri.sandbox-name': 'app',
    ...(kind === 'container' ? { 'io.kubernetes.cri.image-name': image } : {}),
  }
  const storage: Storage = {
    driver: 'image_guest_pull',
    driver_options: [metadata(annotations)],
    source: kind === 'container' ? image : 'pause',
    fstype: 'overlay',
    options: [],
    mount_point: root,
    fs_group: null,
    shared: false,
  }
  return {
    container_id: id,
    string_user: null as JsonObject | null,
    devices: [] as JsonObject[],
    storages: [storage],
    sandbox_pidns: false,
    shared_mounts: [] as JsonObject[],
    OCI: {
      Version: '1.1.0',
      Annotations: annotations,
      Hooks: null as JsonObject | null,
      Solaris: null,
      Windows: null,
      Root: { Path: root, Readonly: false },
      Mounts: [
        mount('/proc', 'proc', 'proc', 'nosuid', 'noexec', 'nodev'),
        mount('/dev', 'tmpfs', 'tmpfs', 'nosuid', 'strictatime', 'mode=755', 'size=65536k'),
        mount('/sys', 'sysfs', 'sysfs', 'nosuid', 'noexec', 'nodev', 'ro'),
        mount('/sys/fs/cgroup', 'cgroup', 'cgroup', 'nosuid', 'noexec', 'nodev', 'relatime', 'ro'),
        mount('/dev/shm', 'bind', '/run/kata-containers/sandbox/shm', 'rbind'),
        file('/etc/hosts', 'hosts'),
        file('/etc/hostname', 'hostname'),
        file('/etc/resolv.conf', 'resolv.conf'),
        file('/dev/termination-log', 'termination-log'),
      ],
      Process: {
        Args: kind === 'container' ? [...wanted.args] : ['/pause'],
        Env: [...wanted.env, 'HOSTNAME=app', 'KUBERNETES_SERVICE_HOST=10.0.0.1'],
        Cwd: kind === 'container' ? wanted.cwd : '/',
        Terminal: false,
        NoNewPrivileges: false,
        SelinuxLabel: '',
        User: { UID: 1000, GID: 1000, AdditionalGids: [1000], Username: '' },
        Capabilities: {
          Ambient: [] as string[],
          Bounding: caps,
          Effective: caps,
          Inheritable: [] as string[],
          Permitted: caps,
        },
      },
      Linux: {
        UIDMappings: [] as JsonObject[],
        GIDMappings: [] as JsonObject[],
        Devices: [] as JsonObject[],
        Resources: { Devices: [] as JsonObject[], Pids: null },
        Namespaces: [
          { Type: 'ipc', Path: '' },
          { Type: 'uts', Path: '' },
          { Type: 'mount', Path: '' },
          { Type: 'network', Path: '/run/netns/podns' },
        ],
        MountLabel: '',
        RootfsPropagation: '',
        Seccomp: null as JsonObject | null,
        IntelRdt: null,
        Sysctl: { 'net.ipv4.ip_unprivileged_port_start': '0' } as Record<string, string>,
        MaskedPaths: ['/proc/kcore'],
        ReadonlyPaths: ['/proc/sys'],
      },
    },
  }
}
export type CreateContainer = ReturnType<typeof createContainer>

/** A request with one thing changed. */
export function changed(change: (request: CreateContainer) => void, kind?: 'container' | 'sandbox'): CreateContainer {
  const request = createContainer(kind)
  change(request)
  return request
}
