export const id=114;export const ids=[114];export const modules={50114:(e,n,t)=>{t.d(n,{g5:()=>B,H3:()=>Z,Ep:()=>D});var s=t(51455),r=t(48161),i=t(76760),o=t(22301),a=t(27122),l=t(53916);let u=["/usr/local/sbin","/usr/local/bin","/usr/sbin","/usr/bin","/sbin","/bin"],d=["/run","/proc","/sys","/dev","/etc","/var/run"],c=["/tmp","/var/tmp","/var","/home","/root","/opt","/srv","/mnt","/usr","/lib","/lib64"];function p(e,{closed:n,secret:t}){return!("/"===e||d.some(n=>h(e,n))||c.includes(e))&&!n.some(n=>h(n,e))&&!t.some(n=>h(n,e)||h(e,n))}function h(e,n){return e===n||e.startsWith("/"===n?"/":`${n}/`)}let f=String.raw`
set -eu
dir=$1 network=$2 stage=$3
shift 3
if [ "$network" = default ]; then
  mkfifo "$dir/net"
  : >"$dir/up"
  ready=$(dd bs=1 count=1 <"$dir/net" 2>/dev/null)
  [ "$ready" = 1 ] || { echo 'slirp4netns gave no network' >&2; exit 125; }
  for net in ${"169.254.0.0/16 168.63.129.16/32"}; do ip route add blackhole "$net"; done
fi
mount -t tmpfs -o mode=0755,size=1m tmpfs "$stage"
index=0 owned=
while [ "$1" != -- ]; do
  if [ -d "$2" ]; then mkdir "$stage/$index"; else : >"$stage/$index"; fi
  mount --rbind "$2" "$stage/$index"
  case $1 in
    -) ;;
    *+keep) chown -R -h "\${1%+keep}:\${1%+keep}" "$stage/$index" ;;
    *) chown -R -h "$1:$1" "$stage/$index"; owned="$owned $stage/$index" ;;
  esac
  index=$((index + 1))
  shift 2
done
shift
mkfifo "$dir/go"
setpriv --pdeathsig KILL unshare --user --keep-caps sh -c 'read -r _ <"$0"; exec "$@"' "$dir/go" \
  setpriv --reuid 0 --regid 0 --clear-groups --pdeathsig KILL \
  sh -c 'echo 0 >/proc/sys/user/max_user_namespaces; exec "$@"' sh "$@" </dev/null &
child=$!
own=$(readlink /proc/self/ns/user)
while ns=$(readlink "/proc/$child/ns/user") && [ "$ns" = "$own" ]; do sleep 0.003; done
echo '0 1 ${65535}' >"/proc/$child/uid_map"
echo '0 1 ${65535}' >"/proc/$child/gid_map"
exec 9<>"$dir/go"
echo >&9
code=0
wait "$child" || code=$?
[ -z "$owned" ] || chown -R -h 0:0 $owned
exit "$code"
`.replaceAll("\\${","${"),m=String.raw`
set -eu
layout=$1 dir=$2 network=$3
shift
if [ "$network" = none ]; then
  exec setpriv --pdeathsig KILL unshare --user --mount --map-root-user --map-auto sh -c "$layout" sh "$@"
fi
setpriv --pdeathsig KILL unshare --user --mount --net --map-root-user --map-auto sh -c "$layout" sh "$@" &
child=$!
while [ ! -e "$dir/up" ] && readlink "/proc/$child/ns/net" >/dev/null 2>&1; do sleep 0.01; done
if [ -e "$dir/up" ]; then
  nsenter --user="/proc/$child/ns/user" setpriv --pdeathsig KILL \
    slirp4netns --configure --mtu=65520 --disable-host-loopback --enable-sandbox --enable-seccomp --ready-fd=3 \
    --netns-type=path "/proc/$child/ns/net" tap0 3>"$dir/net" >"$dir/slirp.log" 2>&1 &
  slirp=$!
fi
code=0
wait "$child" || code=$?
[ "$code" != 125 ] || cat "$dir/slirp.log" >&2 || :
if [ -n "\${slirp-}" ]; then
  kill "$slirp" 2>/dev/null || :
  wait "$slirp" 2>/dev/null || :
fi
exit "$code"
`.replaceAll("\\${","${"),$=String.raw`
mask=$1 as=$2
shift 2
. /build/env
umask "$mask"
if [ "$as" = user ]; then
  set -- /usr/bin/setpriv --reuid 1000 --regid 1000 --clear-groups --inh-caps=-all --bounding-set=-all /bin/sh -c 'cd "$0" && exec "$@"' "$@"
else
  set -- /bin/sh -c 'cd "$0" && exec "$@"' "$@"
fi
"$@" &
wait $!
`;var w=t(33225);let b={passwd:`root:x:0:0:root:/build/home:/bin/sh
build:x:1000:1000:build:/build/home:/bin/sh
nobody:x:65534:65534:nobody:/:/usr/sbin/nologin
`,group:`root:x:0:
build:x:1000:
nogroup:x:65534:
`,hosts:`127.0.0.1 localhost sandbox
::1 localhost
`,"nsswitch.conf":`passwd: files
group: files
hosts: files dns
services: files
protocols: files
`},g=`nameserver 10.0.2.3
`;function y(e){let n=(0,l.dirname)(e);return"/"===n?[]:[...y(n),n]}function v(e){return[...new Set(e)].sort().flatMap(e=>["--perms","0755","--dir",e])}var x=t(73024);let k=["ld.so.cache","ld.so.conf","ld.so.conf.d","alternatives","services","protocols","mime.types","gai.conf","ssl/certs","ssl/openssl.cnf","ca-certificates","ca-certificates.conf","crypto-policies","pki/ca-trust","pki/tls/certs","pki/tls/cert.pem","pki/tls/openssl.cnf","containers/policy.json","containers/registries.conf","containers/registries.conf.d","containers/storage.conf","containers/containers.conf","perl"],_=/^(?:java|python)[-\d.a-z]*$/,R=["NODE_EXTRA_CA_CERTS","SSL_CERT_FILE","SSL_CERT_DIR"],S=["HTTP_PROXY","HTTPS_PROXY","NO_PROXY","http_proxy","https_proxy","no_proxy"];async function T(e,n,t){let{env:s,roots:r}=t,i=[s.HOME,s.RUNNER_TEMP,s.GITHUB_WORKSPACE,r.temp,r.cwd],o=function(e){let n=null!==e.toolCache&&p(e.toolCache,e)?e.toolCache:null,t=null===n?[]:[n],s=[],r=[];for(let i of e.path.split(":")){if(!(0,l.isAbsolute)(i))continue;let o=(0,l.normalize)(i).replace(/(.)\/$/,"$1");if(!s.includes(o)){if(o.startsWith("/usr/")||u.includes(o)){s.push(o);continue}if(e.exists(o)&&p(o,e)){if(null!==n&&h(o,n))r.push(`tool-cache${o.slice(n.length)}`);else{let n=(0,l.dirname)(o),s="bin"===(0,l.basename)(o)&&e.exists(`${n}/lib`)&&p(n,e);t.push(s?n:o),r.push(o)}s.push(o)}}}for(let e of u)s.includes(e)||s.push(e);let i=[...new Set(t)].filter((e,n,t)=>!t.some(n=>n!==e&&h(e,n)));return{path:s.join(":"),folders:i,recorded:r}}({path:await j(s.PATH??""),toolCache:await E(s.RUNNER_TOOL_CACHE??s.AGENT_TOOLSDIRECTORY),closed:await P(i),secret:await P([...n,s.SEALWRIGHT_STATE,"/run/sealwright",s.SEALWRIGHT_AGENT_SOCKET]),exists:x.existsSync}),d=["/mnt","/media","/srv","/home"].find(e=>(0,x.existsSync)(e));if(void 0===d)throw new a.dz("unsupported","the sandbox needs one of the folders /mnt, /media, /srv, /home",{subject:"sandbox",remedy:"Create an empty folder /mnt on the runner."});let c={},f=[...o.folders];for(let n of"none"===e?R:[...R,...S]){let e=s[n];void 0!==e&&""!==e&&(c[n]=e,R.includes(n)&&(0,x.existsSync)(e)&&!["/usr",...f].some(n=>h(e,n))&&f.push(e))}return{roots:await A(),etc:await L(),tools:f.filter(e=>!e.startsWith("/etc/ssl/certs")),path:o.path,recordedPath:o.recorded,env:c,stage:d}}async function A(){let e=[];for(let n of["bin","sbin","lib","lib32","lib64","libx32"]){let t=await (0,s.lstat)(`/${n}`).catch(()=>null);t?.isSymbolicLink()===!0?e.push({name:n,link:await (0,s.readlink)(`/${n}`)}):t?.isDirectory()===!0&&e.push({name:n,link:null})}return e}async function L(){return[...k,...(await (0,s.readdir)("/etc").catch(()=>[])).filter(e=>_.test(e))].map(e=>`/etc/${e}`).filter(e=>(0,x.existsSync)(e))}async function j(e){let n=e.split(":").filter(e=>""!==e);return(await Promise.all(n.map(async e=>await E(e)??""))).join(":")}async function E(e){return void 0===e||""===e?null:(0,s.realpath)(e).catch(()=>null)}async function P(e){return(await Promise.all(e.map(E))).filter(e=>null!==e)}let N=["/usr/local/sbin","/usr/local/bin","/usr/sbin","/usr/bin","/sbin","/bin"],O=["sh","bwrap","unshare","setpriv","newuidmap","newgidmap","mount","chown","mkfifo","readlink"],C=["slirp4netns","nsenter","ip","dd","sleep"];async function I(e,n=N){let t=[];for(let s of"none"===e?O:[...O,...C])await H(s,n)||t.push(s);if(0!==t.length)throw new a.dz("tool-missing",`prepare and RUN need a sandbox, but ${t.join(", ")} ${1===t.length?"is":"are"} not installed in ${n.join(", ")}`,{subject:"sandbox",remedy:"Run apt-get install bubblewrap uidmap slirp4netns util-linux iproute2 on the runner (docs/runner-admin.md), or use `builder: embedded` without `prepare`."})}async function H(e,n){for(let t of n)if(await (0,s.access)(`${t}/${e}`,s.constants.X_OK).then(()=>!0,()=>!1))return!0;return!1}async function z(e,n){let t=e=>(0,s.readFile)(e,"utf8").then(e=>e.trim(),()=>null);return{uid:e,user:n,apparmor:await t("/proc/sys/kernel/apparmor_restrict_unprivileged_userns"),maximum:await t("/proc/sys/user/max_user_namespaces"),clone:await t("/proc/sys/kernel/unprivileged_userns_clone"),noNewPrivileges:/^NoNewPrivs:\s*1$/m.test(await t("/proc/self/status")??""),subuid:await t("/etc/subuid")??"",subgid:await t("/etc/subgid")??""}}function M(e,{uid:n,user:t}){return e.split(`
`).some(e=>{let[s,,r]=e.split(":");return(s===t||s===String(n))&&Number(r)>=65535})}let K={PATH:N.join(":"),LANG:"C"};async function D(e,n,t){let s=await T(e,n,t),r={network:e,view:s,run:n=>X(n,e,s,t),discard:e=>F(e,t)};return await W(r,t),r}let G=new Map;async function W(e,n){let t=G.get(e.network)??U(e,n);G.set(e.network,t),await t.catch(n=>{throw G.delete(e.network),n})}async function U({network:e,view:n},t){await I(e);let s=await X({command:["true"],as:"user",cwd:"/",env:{},shared:[],umask:"022",programs:"machine"},e,n,t,3e4);if(0===s.code)return;let{uid:i,username:o}=(0,r.userInfo)();throw function(e,n,t){let{why:s,remedy:r}=function(e,n){if("0"===e.maximum)return{why:"user namespaces are switched off (user.max_user_namespaces is 0)",remedy:"Run sysctl -w user.max_user_namespaces=28633 on the runner."};if("0"===e.clone&&0!==e.uid)return{why:"user namespaces are for root alone (kernel.unprivileged_userns_clone is 0)",remedy:"Run sysctl -w kernel.unprivileged_userns_clone=1 on the runner."};if(!M(e.subuid,e)||!M(e.subgid,e))return{why:`/etc/subuid and /etc/subgid give "${e.user}" fewer than 65535 subordinate ids`,remedy:`Run usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${e.user} on the runner (choose a range that nobody else has).`};let t=[e.subuid,e.subgid].find(e=>!/^(?:root|0):/.test(e));return 0===e.uid&&void 0!==t?{why:"unshare takes the first line of /etc/subuid and /etc/subgid for root, and it belongs to another user",remedy:"Move the line of root to the top of both files."}:e.noNewPrivileges&&0!==e.uid?{why:"this process can gain no rights (NoNewPrivileges), but newuidmap must",remedy:"Remove NoNewPrivileges=yes from the unit of the workflow runner (systemctl edit), and start it again."}:"1"===e.apparmor&&0!==e.uid?{why:"AppArmor takes the rights from user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)",remedy:"Install the profile examples/runner/etc/apparmor.d/sealwright-sandbox and run apparmor_parser -r on it, or run sysctl -w kernel.apparmor_restrict_unprivileged_userns=0."}:"default"===n?{why:"namespaces or slirp4netns do not work",remedy:"Load the module tun and make /dev/net/tun readable and writable, or use `network: none`."}:{why:"the machine allows user namespaces, but bubblewrap fails",remedy:"A job container needs --privileged; a machine needs user namespaces and an unmasked /proc."}}(e,n),i=t.trim().split(`
`).slice(-3).join(" / ").slice(0,400);return new a.dz("unsupported",`the sandbox for prepare and RUN does not start here: ${s} (${i})`,{subject:"sandbox",remedy:`${r} Without a sandbox only \`builder: embedded\` without \`prepare\` works (docs/runner-admin.md).`})}(await z(i,o),e,s.stderr)}async function X(e,n,t,r,o){let a="job"===e.programs?t:{...t,tools:[],path:K.PATH};await (0,s.mkdir)(r.roots.temp,{recursive:!0});let l=await (0,s.mkdtemp)((0,i.join)(r.roots.temp,"sealwright-sandbox-"));try{for(let[e,n]of(await (0,s.mkdir)((0,i.join)(l,"etc")),Object.entries(b)))await Y((0,i.join)(l,"etc",e),n);await Y((0,i.join)(l,"etc/resolv.conf"),"none"===n?"":g);let t={...a.env,...e.env,PATH:a.path,HOME:w.n.home,TMPDIR:"/tmp"};return await Y((0,i.join)(l,"env"),Object.entries(t).filter(([e])=>/^[A-Za-z_][A-Za-z0-9_]*$/.test(e)).map(([e,n])=>`export ${e}='${n.replaceAll("'",String.raw`'\''`)}'
`).join("")),await r.exec.run("/bin/sh",function(e,n,t,s){let r="user"===e.as?"1001":"1",i=[],o=(e,n="-")=>(i.push(n,e),`${t.stage}/${i.length/2-1}`),a=[],l=new Set,u=(e,n,t)=>{for(let e of y(t))l.add(e);a.push(e,n,t)};for(let{name:e,link:n}of t.roots)null===n?a.push("--ro-bind",`/${e}`,`/${e}`):a.push("--symlink",n,`/${e}`);for(let e of t.etc)u("--ro-bind",e,e);for(let e of[...Object.keys(b),"resolv.conf"])u("--ro-bind",o(`${s}/etc/${e}`),`/etc/${e}`);for(let{from:n,at:t,as:i}of(u("--ro-bind",o(`${s}/env`),w.n.env),e.shared)){let e="own"===i?r:"keep"===i?`${r}+keep`:"-";u("read"===i?"--ro-bind":"--bind",o(n,e),t)}for(let n of(a.push(...v(t.tools.flatMap(y).filter(n=>e.shared.some(({at:e})=>h(n,e)&&n!==e)))),t.tools))u("--ro-bind",o(n),n);let d=v([...l]),c=["bwrap","--die-with-parent","--as-pid-1","--new-session","--hostname","sandbox","--unshare-pid","--unshare-ipc","--unshare-uts","--unshare-cgroup-try",..."none"===n?["--unshare-net"]:[],..."user"===e.as?["--cap-drop","ALL",...function(...e){return e.flatMap(e=>["--cap-add",`CAP_${e}`])}("SETUID","SETGID","SETPCAP")]:[],"--ro-bind","/usr","/usr","--proc","/proc","--dev","/dev","--tmpfs","/run","--tmpfs","/sys","--remount-ro","/sys",...d,...a,"--remount-ro","/","--chdir","/","--","/bin/sh","-c",$,"sh",e.umask,e.as,e.cwd,...e.command];return["-c",m,"sh",f,s,n,t.stage,...i,"--",...c]}(e,n,a,l),{env:K,cwd:"/",allowFailure:!0,...void 0===o?{}:{timeoutMs:o},...void 0===e.onLine?{}:{onLine:e.onLine}})}finally{await (0,s.rm)(l,{recursive:!0,force:!0})}}async function Y(e,n){await (0,o._h)(e,n,{flag:"wx"}),await (0,s.chmod)(e,420)}async function F(e,n){await n.exec.run("/usr/bin/unshare",["--user","--map-root-user","--map-auto","rm","-rf","--",e],{env:K,cwd:"/"})}function Z(e){return{steps:"sandbox",network:e}}function B(e,{code:n,stderr:t}){let s=t.trim().split(`
`).slice(-5).join(`
`);return new a.wX("tool-failed",`${e} ended with ${n}${""===s?"":`: ${s}`}`,{subject:e})}},33225:(e,n,t)=>{t.d(n,{n:()=>s});let s={home:"/build/home",env:"/build/env"}}};
