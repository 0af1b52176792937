/** A pod of one container, as the agent's policy lets a host start it. */
export interface AgentPolicyRequest {
  /** `HOST/NAME@sha256:…`, as the pod names it. */
  readonly image: string
  /** Command and arguments of the process. */
  readonly args: readonly string[]
  /** `NAME=VALUE`, each of which must be there. */
  readonly env: readonly string[]
  readonly cwd: string
  readonly uid: number
  readonly gid: number
  /** The root file system is mounted read-only. */
  readonly readonly: boolean
  /** Host and cluster may read what the process writes to stdout and stderr (`kubectl logs`). */
  readonly logs: boolean
}

/** Requests that are allowed whatever they say: they start, end or count what was admitted. */
const allowed = [
  'DestroySandboxRequest',
  'GetOOMEventRequest',
  'GuestDetailsRequest',
  'OnlineCPUMemRequest',
  'RemoveContainerRequest',
  'RemoveStaleVirtiofsShareMountsRequest',
  'SignalProcessRequest',
  'StartContainerRequest',
  'StatsContainerRequest',
  'TtyWinResizeRequest',
  'WaitProcessRequest',
]

/** Requests that are refused unless a rule below allows them. Those that the agent knows and the policy does not name are refused, too. */
const refused = [
  'AddARPNeighborsRequest',
  'AddSwapPathRequest',
  'AddSwapRequest',
  'AllowRequestsFailingPolicy',
  'CloseStdinRequest',
  'CopyFileRequest',
  'CreateContainerRequest',
  'CreateSandboxRequest',
  'ExecProcessRequest',
  'GetDiagnosticDataRequest',
  'GetIPTablesRequest',
  'GetMetricsRequest',
  'ListInterfacesRequest',
  'ListRoutesRequest',
  'MemAgentCompactConfig',
  'MemAgentMemcgConfig',
  'MemHotplugByProbeRequest',
  'PauseContainerRequest',
  'PullImageRequest',
  'ReseedRandomDevRequest',
  'ResizeVolumeRequest',
  'ResumeContainerRequest',
  'SetGuestDateTimeRequest',
  'SetIPTablesRequest',
  'SetPolicyRequest',
  'StartTracingRequest',
  'StopTracingRequest',
  'UpdateContainerRequest',
  'UpdateEphemeralMountsRequest',
  'UpdateInterfaceRequest',
  'UpdateRoutesRequest',
  'VolumeStatsRequest',
  'WriteStreamRequest',
]

/** Variables whose names are the cluster's and whose values no one can know before the pod starts. */
const clusterNames = [
  'HOSTNAME',
  'KUBERNETES_PORT',
  'KUBERNETES_PORT_443_TCP',
  'KUBERNETES_PORT_443_TCP_ADDR',
  'KUBERNETES_PORT_443_TCP_PORT',
  'KUBERNETES_PORT_443_TCP_PROTO',
  'KUBERNETES_SERVICE_HOST',
  'KUBERNETES_SERVICE_PORT',
  'KUBERNETES_SERVICE_PORT_HTTPS',
]

/** What containerd and CRI-O give a container that asks for nothing. */
const capabilities =
  'AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT'

/**
 * Policy of the Kata agent (Rego) for a pod of one container: the guest itself pulls the named image, and runs the named process in it and nothing
 * else. Every field by which a host can have other bytes executed is bound: where the root file system comes from, what is mounted over it, the
 * process, its variables, devices, hooks, and what marks a container as the sandbox (TRUST §8). Equal requests give equal bytes.
 */
export function agentPolicy({ image, args, env, cwd, uid, gid, readonly, logs }: AgentPolicyRequest): string {
  const list = (values: readonly string[]): string => JSON.stringify(values)
  const caps = capabilities.split(' ').flatMap((name) => [name, `CAP_${name}`])
  const defaults = [...allowed.map((name) => [name, true]), ...refused.map((name) => [name, false])]
  return `package agent_policy

import future.keywords

${[...defaults, ['ReadStreamRequest', logs]].map(([name, value]) => `default ${name} := ${value}`).join('\n')}

image := ${JSON.stringify(image)}

process_args := ${list(args)}

process_env := ${list(env)}

cluster_names := ${list(clusterNames)}

capabilities := ${list(caps)}

type_keys := ["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"]

CreateContainerRequest if {
  is_confined
  is_type("container", "pod_container")
  storage := guest_pull
  storage.source == image
  not_sandbox(storage.driver_options)
  input.OCI.Root.Readonly == ${readonly}
  runs(input.OCI.Process)
}

# The sandbox runs the pause program of the guest, whatever the host says of its process.
CreateContainerRequest if {
  is_confined
  is_type("sandbox", "pod_sandbox")
  storage := guest_pull
  storage.source == "pause"
  sandbox(storage.driver_options)
}

# The runtime and older agents read the type from different keys and places, so all that are there agree.
is_type(kind, kata) if {
  annotations := input.OCI.Annotations
  annotations["io.katacontainers.pkg.oci.container_type"] == kata
  kinds := {value | some key in type_keys; value := object.get(annotations, key, ""); value != ""}
  kinds == {kind}
}

root := concat("/", ["/run/kata-containers", input.container_id, "rootfs"])

# One storage alone, pulled by the guest to where the container's root is.
guest_pull := storage if {
  count(input.storages) == 1
  storage := input.storages[0]
  storage.driver == "image_guest_pull"
  storage.fstype == "overlay"
  storage.fs_group == null
  storage.mount_point == root
  count(storage.options) == 0
  not storage.shared
}

# New agents ignore the option, older ones take the type from its JSON. Without escapes, a text in it stands there as it is.
metadata(options) := text if {
  count(options) == 1
  text := options[0]
  startswith(text, "image_guest_pull={\\"metadata\\":{")
  endswith(text, "}}")
  not contains(text, "\\\\")
  count(split(text, "{")) == 3
}

not_sandbox(options) if count(options) == 0

not_sandbox(options) if {
  text := metadata(options)
  not contains(text, "\\"sandbox\\"")
}

sandbox(options) if count(options) == 0

sandbox(options) if {
  text := metadata(options)
  some key in type_keys
  count(split(text, concat("", ["\\"", key, "\\""]))) == 2
  contains(text, concat("", ["\\"", key, "\\":\\"sandbox\\""]))
}

is_confined if {
  not contains(input.container_id, "/")
  input.string_user == null
  input.sandbox_pidns == false
  count(input.shared_mounts) == 0
  count(input.devices) == 0
  spec := input.OCI
  spec.Hooks == null
  spec.Solaris == null
  spec.Windows == null
  spec.Root.Path == root
  linux := spec.Linux
  count(linux.UIDMappings) == 0
  count(linux.GIDMappings) == 0
  count(linux.Devices) == 0
  count(linux.Resources.Devices) == 0
  linux.MountLabel == ""
  linux.RootfsPropagation == ""
  linux.Seccomp == null
  linux.IntelRdt == null
  every name, _ in linux.Sysctl {
    name in ["net.ipv4.ip_unprivileged_port_start", "net.ipv4.ping_group_range"]
  }
  every namespace in linux.Namespaces {
    own_namespace(namespace)
  }
  some namespace_of_mounts in linux.Namespaces
  lower(namespace_of_mounts.Type) in ["mount", "mnt"]
  every mounted in spec.Mounts {
    allowed_mount(mounted)
  }
  count({destination | some mounted in spec.Mounts; destination := mounted.destination}) == count(spec.Mounts)
}

own_namespace(namespace) if {
  namespace.Path == ""
  lower(namespace.Type) in ["cgroup", "ipc", "mnt", "mount", "network", "pid", "uts"]
}

own_namespace(namespace) if lower(namespace.Type) == "network"

runs(process) if {
  process.Args == process_args
  process.Cwd == ${JSON.stringify(cwd)}
  process.Terminal == false
  process.SelinuxLabel == ""
  process.User.UID == ${uid}
  process.User.GID == ${gid}
  process.User.Username == ""
  every variable in process.Env {
    known_variable(variable)
  }
  every variable in process_env {
    variable in process.Env
  }
  held := process.Capabilities
  every kind in ["Ambient", "Bounding", "Effective", "Inheritable", "Permitted"] {
    known_capabilities(held[kind])
  }
}

known_capabilities(list) if {
  every capability in list {
    capability in capabilities
  }
}

known_variable(variable) if variable in process_env

known_variable(variable) if {
  some name in cluster_names
  startswith(variable, concat("", [name, "="]))
}

# Kernel file systems where they always are, and the four files that Kubernetes writes for each container.
mount_types := {
  "/dev": ["tmpfs"],
  "/dev/mqueue": ["mqueue"],
  "/dev/pts": ["devpts"],
  "/dev/shm": ["tmpfs"],
  "/proc": ["proc"],
  "/sys": ["sysfs"],
  "/sys/fs/cgroup": ["cgroup", "cgroup2"],
}

shared_files := {
  "/dev/termination-log": "-termination-log",
  "/etc/hostname": "-hostname",
  "/etc/hosts": "-hosts",
  "/etc/resolv.conf": "-resolv.conf",
}

mount_options := ["bind", "gid=5", "memory_recursiveprot", "mode=0620", "mode=1777", "mode=755", "newinstance", "nodev", "noexec", "nosuid", "nsdelegate", "private", "ptmxmode=0666", "rbind", "relatime", "ro", "rprivate", "rw", "size=65536k", "strictatime"]

allowed_mount(mounted) if {
  mounted.type_ in mount_types[mounted.destination]
  plain_options(mounted.options)
}

allowed_mount(mounted) if {
  mounted.destination == "/dev/shm"
  mounted.type_ == "bind"
  mounted.source == "/run/kata-containers/sandbox/shm"
  plain_options(mounted.options)
}

allowed_mount(mounted) if {
  suffix := shared_files[mounted.destination]
  mounted.type_ == "bind"
  shared_file(mounted.source, suffix)
  plain_options(mounted.options)
}

plain_options(options) if {
  every option in options {
    option in mount_options
  }
}

# A file of the shared folder itself, never one below another folder.
shared_file(path, suffix) if {
  plain := replace(path, "/run/kata-containers/shared/containers/passthrough/", "/run/kata-containers/shared/containers/")
  startswith(plain, "/run/kata-containers/shared/containers/")
  count(split(plain, "/")) == 6
  endswith(plain, suffix)
}

CopyFileRequest if {
  input.file_type == "Regular"
  some suffix in ["-hostname", "-hosts", "-resolv.conf", "-termination-log"]
  shared_file(input.path, suffix)
}

CreateSandboxRequest if {
  input.guest_hook_path == ""
  count(input.kernel_modules) == 0
  input.sandbox_pidns == false
  every storage in input.storages {
    storage.driver == "ephemeral"
    storage.fstype == "tmpfs"
    storage.source == "shm"
    storage.mount_point == "/run/kata-containers/sandbox/shm"
  }
}

# The network is the host's; the loopback interface is not.
UpdateInterfaceRequest if {
  input.interface.name != "lo"
  input.interface.hwAddr != "00:00:00:00:00:00"
  object.get(input.interface, "raw_flags", 0) in [0, 128]
}

UpdateRoutesRequest if {
  every route in input.routes.Routes {
    route.device != "lo"
    not startswith(route.source, "127.")
    route.source != "::1"
  }
}

AddARPNeighborsRequest if {
  every neighbor in input.neighbors.ARPNeighbors {
    neighbor.device != "lo"
    not startswith(neighbor.toIPAddress.address, "127.")
  }
}
`
}
