/**
 * How a sandboxed process is started, in three user namespaces (tried on Debian 12, kernel 6.18, as root and as a plain user):
 *
 * 1. the caller's: `front` waits, and runs slirp4netns, which is the only thing outside that the sandbox's packets reach;
 * 2. ours: id 0 is the caller, 1… are its subordinate ids. It lays out mounts, hands folders over and back, and owns the network
 *    namespace, so that nobody inside can change its routes;
 * 3. the foreign one: subordinate ids alone. bubblewrap makes the rest of the sandbox in it, and no further user namespace can be made.
 *
 * Every process dies with its parent, and the first process of the sandbox takes all others with it.
 */
export const idsInside = 65_535

/** Destinations that no sandbox reaches: link-local addresses (metadata services of clouds) and Azure's WireServer. */
export const blocked = ['169.254.0.0/16', '168.63.129.16/32'] as const

/** Arguments: private folder, network, stage, then pairs `OWNER PATH` (OWNER `-` or `ID` or `ID+keep`), `--`, command. */
export const layout = String.raw`
set -eu
dir=$1 network=$2 stage=$3
shift 3
if [ "$network" = default ]; then
  mkfifo "$dir/net"
  : >"$dir/up"
  ready=$(dd bs=1 count=1 <"$dir/net" 2>/dev/null)
  [ "$ready" = 1 ] || { echo 'slirp4netns gave no network' >&2; exit 125; }
  for net in ${blocked.join(' ')}; do ip route add blackhole "$net"; done
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
echo '0 1 ${idsInside}' >"/proc/$child/uid_map"
echo '0 1 ${idsInside}' >"/proc/$child/gid_map"
exec 9<>"$dir/go"
echo >&9
code=0
wait "$child" || code=$?
[ -z "$owned" ] || chown -R -h 0:0 $owned
exit "$code"
`.replaceAll('\\${', '${')

/** Arguments: the layout script, private folder, network, and what else that script takes. */
export const front = String.raw`
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
`.replaceAll('\\${', '${')

/**
 * First process inside: it starts the command with its environment, and as soon as the command has ended the kernel ends everything else
 * here and tells nobody before all are gone. Arguments: umask, `user` or `root`, working directory, command.
 */
export const first = String.raw`
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
`
