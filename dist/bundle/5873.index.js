export const id=5873;export const ids=[5873];export const modules={75300:(e,t,n)=>{n.d(t,{_:()=>l,z:()=>u});var s=n(27122),o=n(49983),i=n(79936),a=n(54061);let r={AllowRequestsFailingPolicy:"failing-requests",CopyFileRequest:"copy-file",CreateContainerRequest:"create-container",ExecProcessRequest:"exec",ReadStreamRequest:"read-stream",SetPolicyRequest:"set-policy",UpdateEphemeralMountsRequest:"ephemeral-mounts",WriteStreamRequest:"write-stream"},u=["copy-file","create-container","ephemeral-mounts","exec","failing-requests","read-stream","set-policy","unbound-image","write-stream"];function l(e,t){let n;try{n=(0,i.LU)(e)}catch(e){if(!(e instanceof s.BS))throw e;return[{accept:null,what:"It cannot be read as Rego."}]}let u=function(e){let t=[[]];for(let n of e)"line"===n.kind||";"===n.text?t.push([]):t.at(-1)?.push(n);return t.filter(e=>e.length>0)}(n);if(u.find(([e])=>e?.text==="package")?.[1]?.text!=="agent_policy")return[{accept:null,what:"Its package is not agent_policy: the agent finds no rule in it."}];let l=function(e){let[,t]=/^policy_data[ \t]*:?=[ \t]*(\{[^]*)$/m.exec(e)??[];if(void 0===t)return/^[^#\n]*\bpolicy_data[ \t]*:?=/m.test(e)?void 0:null;try{return(0,o.qF)(t.trim(),"policy_data")}catch(e){if(e instanceof s.BS)return;throw e}}(e);if(void 0===l)return[{accept:null,what:"Its policy_data cannot be read."}];let d=new Map;for(let e of Object.keys(r))if(u.some(t=>(function(e,t){let n=e.filter(({kind:e})=>"end"!==e).map(({text:e})=>e);return"default"===n[0]&&n.shift(),n[0]===t&&c.test(n.slice(1).join(" "))})(t,e)))d.set(e,`It always allows ${e}.`);else{let t=function(e,t){if(!(0,o.Gv)(t))return null;let n=((0,o.Gv)(t.request_defaults)?t.request_defaults:{})[e];if(!0===n)return"request_defaults says true";if("ExecProcessRequest"!==e)return null;for(let[e,t]of(0,o.Gv)(n)?Object.entries(n):[])if(Array.isArray(t)&&t.length>0)return`request_defaults names commands in "${e}"`;return(Array.isArray(t.containers)?t.containers:[]).some(e=>{let t=(0,o.Gv)(e)?e.exec_commands:void 0;return Array.isArray(t)&&t.length>0})?"a container has commands that the host may run (probes, lifecycle hooks)":null}(e,l);null!==t&&d.set(e,`It allows ${e}: ${t}.`)}let m=[...d].map(([e,t])=>({accept:r[e]??null,what:t})),f=null===t||d.has("CreateContainerRequest")?null:function(e,t,n,i){let r=i.slice(i.indexOf("@")+1);if(!t.some(({kind:e,text:t})=>"string"===e&&t.includes(r)))return`It does not name ${r}: the host decides which image runs.`;let u=function(e){let t=t=>{let[,n]=t.exec(e)??[];return void 0===n?null:(0,o.qF)(n,"policy")};try{let n=t(/^image := (.*)$/m),s=t(/^process_args := (.*)$/m),o=t(/^process_env := (.*)$/m),i=t(/^ {2}process\.Cwd == (.*)$/m),r=Number(t(/^ {2}process\.User\.UID == (\d+)$/m)),u=Number(t(/^ {2}process\.User\.GID == (\d+)$/m));if("string"!=typeof n||"string"!=typeof i||!p(s)||!p(o))return null;let l=!0===t(/^ {2}input\.OCI\.Root\.Readonly == (true|false)$/m),c=!0===t(/^default ReadStreamRequest := (true|false)$/m);return(0,a.e)({image:n,args:s,env:o,cwd:i,uid:r,gid:u,readonly:l,logs:c})===e?n:null}catch(e){if(e instanceof s.BS)return null;throw e}}(e);if(null!==u)return u===i?null:`It is written for ${u}, and the pod names ${i}.`;let l=(function(e){let t=[];for(let n of e)n[0]?.kind==="name"&&1===n[0].column&&t.push([]),t.at(-1)?.push(n);return t})(n).filter(e=>e.some(e=>{let t;return"print"!==(t=e.map(({text:e})=>e))[0]&&'"image_guest_pull"'===t.at(-1)&&"driver"===t.at(-3)}));return l.length>0&&l.every(e=>e.some(e=>e[0]?.text!=="print"&&e.some(({text:t},n)=>"source"===t&&e[n-1]?.text===".")))?null:"It names the digest, but the rule for images that the guest pulls does not compare their source: the host decides which image runs."}(e,n,u,t);return null===f?m:[...m,{accept:"unbound-image",what:f}]}let c=/^(:?= true|(:?= true )?(if )?(true|\{ true \})|(:?= true )?if true)$/;function p(e){return Array.isArray(e)&&e.every(e=>"string"==typeof e)}},54061:(e,t,n)=>{n.d(t,{e:()=>a});let s=["DestroySandboxRequest","GetOOMEventRequest","GuestDetailsRequest","OnlineCPUMemRequest","RemoveContainerRequest","RemoveStaleVirtiofsShareMountsRequest","SignalProcessRequest","StartContainerRequest","StatsContainerRequest","TtyWinResizeRequest","WaitProcessRequest"],o=["AddARPNeighborsRequest","AddSwapPathRequest","AddSwapRequest","AllowRequestsFailingPolicy","CloseStdinRequest","CopyFileRequest","CreateContainerRequest","CreateSandboxRequest","ExecProcessRequest","GetDiagnosticDataRequest","GetIPTablesRequest","GetMetricsRequest","ListInterfacesRequest","ListRoutesRequest","MemAgentCompactConfig","MemAgentMemcgConfig","MemHotplugByProbeRequest","PauseContainerRequest","PullImageRequest","ReseedRandomDevRequest","ResizeVolumeRequest","ResumeContainerRequest","SetGuestDateTimeRequest","SetIPTablesRequest","SetPolicyRequest","StartTracingRequest","StopTracingRequest","UpdateContainerRequest","UpdateEphemeralMountsRequest","UpdateInterfaceRequest","UpdateRoutesRequest","VolumeStatsRequest","WriteStreamRequest"],i=["HOSTNAME","KUBERNETES_PORT","KUBERNETES_PORT_443_TCP","KUBERNETES_PORT_443_TCP_ADDR","KUBERNETES_PORT_443_TCP_PORT","KUBERNETES_PORT_443_TCP_PROTO","KUBERNETES_SERVICE_HOST","KUBERNETES_SERVICE_PORT","KUBERNETES_SERVICE_PORT_HTTPS"];function a({image:e,args:t,env:n,cwd:r,uid:u,gid:l,readonly:c,logs:p}){let d="AUDIT_WRITE CHOWN DAC_OVERRIDE FOWNER FSETID KILL MKNOD NET_BIND_SERVICE NET_RAW SETFCAP SETGID SETPCAP SETUID SYS_CHROOT".split(" ").flatMap(e=>[e,`CAP_${e}`]),m=[...s.map(e=>[e,!0]),...o.map(e=>[e,!1])];return`package agent_policy

import future.keywords

${[...m,["ReadStreamRequest",p]].map(([e,t])=>`default ${e} := ${t}`).join(`
`)}

image := ${JSON.stringify(e)}

process_args := ${JSON.stringify(t)}

process_env := ${JSON.stringify(n)}

cluster_names := ${JSON.stringify(i)}

capabilities := ${JSON.stringify(d)}

type_keys := ["io.kubernetes.cri.container-type", "io.kubernetes.cri-o.ContainerType"]

CreateContainerRequest if {
  is_confined
  is_type("container", "pod_container")
  storage := guest_pull
  storage.source == image
  not_sandbox(storage.driver_options)
  input.OCI.Root.Readonly == ${c}
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
  process.Cwd == ${JSON.stringify(r)}
  process.Terminal == false
  process.SelinuxLabel == ""
  process.User.UID == ${u}
  process.User.GID == ${l}
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
`}},41213:(e,t,n)=>{n.d(t,{$F:()=>u,Ls:()=>p,PM:()=>c,lS:()=>l,oV:()=>d});var s=n(27122),o=n(49983),i=n(34754),a=n(99740),r=n(31688);let u="0.1.0",l=["sha256","sha384","sha512"],c={document:4194304,annotation:262144};function p(e,t){if(e.length>c.document)throw m(t,`has ${(0,a._)(e.length)}, more than ${(0,a._)(c.document)}`);let n=function(e,t){try{let t=(0,r.parseToml)(new TextDecoder("utf-8",{fatal:!0,ignoreBOM:!0}).decode(e));if((0,o.Gv)(t))return t}catch(e){throw m(t,`is not TOML: ${(0,s.bD)(e)}`,e)}throw m(t,"is not a TOML document")}(e,t),p=Object.keys(n).find(e=>!["version","algorithm","data"].includes(e));if(void 0!==p)throw m(t,`has the member "${(0,i.g$)(p)}", which no guest reads`);if(n.version!==u)throw m(t,`"version" must be the text "${u}": guests refuse each other one`);let f=l.find(e=>e===n.algorithm);if(void 0===f)throw m(t,`"algorithm" must be one of ${l.join(", ")}`);if(!(0,o.Gv)(n.data))throw m(t,'has no table "data"');let h=new Map;for(let[e,s]of Object.entries(n.data)){if(!d(e))throw m(t,`"${(0,i.g$)(e)}" in "data" is not the plain name of a file`);if("string"!=typeof s)throw m(t,`"${e}" in "data" is not a text`);h.set(e,s)}return{algorithm:f,files:h}}function d(e){return/^[A-Za-z0-9_][A-Za-z0-9._-]{0,127}$/.test(e)}function m(e,t,n){return new s.mk("format-invalid",`${e}: ${t}`,{subject:e,cause:n})}},38418:(e,t,n)=>{n.d(t,{KR:()=>o,Rz:()=>s,aw:()=>i,g7:()=>r,wF:()=>a});let s="kbs:///default/security-policy/test",o=/^[a-z0-9.-]+(:[0-9]+)?(\/[a-z0-9]+([._-]+[a-z0-9]+)*)+$/;function i({images:e}){let t={default:[{type:"reject"}],transports:{docker:Object.fromEntries(e.map(({image:e,key:t})=>[e,[{type:"sigstoreSigned",keyPath:t,signedIdentity:{type:"matchRepository"}}]]).sort(([e],[t])=>e<t?-1:1))}};return Buffer.from(`${JSON.stringify(t,null,2)}
`)}function a(e){let t=e["image-policy"];if(void 0===t)return{plan:e,made:new Map,notes:[]};let{uri:n,admit:s,images:o}=t,a={kind:"workload",admit:s,overwrite:!1},r=new Map(o.map(e=>[e.key,e["public-key"]])),u=[{...a,uri:n,source:"made"},...[...r].filter(([,t])=>void 0!==t||"generate"===e["resource-policy"]).map(([e,t])=>({...a,uri:e,source:void 0===t?"kept":`file:${t}`}))];return{plan:{...e,resources:[...e.resources,...u]},made:new Map([[n,i(t)]]),notes:[`Guests check signatures only if their cdh.toml says so: [image] image_security_policy_uri = "${n}". The policy refuses every image but ${o.map(({image:e})=>e).join(", ")}.`]}}function r({uri:e,admit:t,images:n},s,o){let i=n.map(({image:e})=>e),a=i.filter((e,t)=>i.indexOf(e)!==t),u=new Map,l=n.filter(({key:e,"public-key":t})=>{let n=u.get(e)??t;return u.set(e,n),n!==t}),c=[e,...u.keys()].filter(e=>s.includes(e));return[...a.map(e=>`${e} is named twice: a guest would demand both signatures`),...l.map(({key:e})=>`${e} has two \`public-key\` files`),...c.map(e=>`${e} is a resource of this plan too`),...u.has(e)?[`${e} is both the policy and a key`]:[],...o||0!==t.length?[]:["has no `admit`: nobody would get the policy"],...o&&t.length>0?["`admit` has no effect where `resource-policy` is leave"]:[]]}}};
