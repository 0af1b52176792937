#!/bin/sh
# Puts the runner's parts into the tree of an image that is being built (as root):
#   install.sh ROOT NODE DIST
# ROOT is the image's tree, NODE a Node 24 program, DIST this repository's dist/. Users come by sysusers.d at first boot or
# `systemd-sysusers --root=ROOT`. What the image says of itself must then be measured: docs/runner-admin.md.
# It may be run again: it replaces its own files, and leaves /etc/sealwright and changed lines of fstab as they are.
set -eu
if [ $# -ne 3 ]; then
  echo "Usage: install.sh ROOT NODE DIST
  ROOT  tree of the image that is being built, such as ./tree
  NODE  a Node 24 program, such as node_modules/.bin/node
  DIST  this repository's dist/" >&2
  exit 2
fi
root="$1" node="$2" dist="$3"
[ -d "$root" ] || { echo "install.sh: \"$root\" is not a folder. Make the image's tree first." >&2; exit 2; }
[ -f "$dist/cli/index.js" ] || { echo "install.sh: \"$dist\" holds no cli/index.js. Give this repository's dist/." >&2; exit 2; }
[ -x "$node" ] || { echo "install.sh: \"$node\" is not a program. Give node_modules/.bin/node." >&2; exit 2; }
here=$(cd "$(dirname "$0")" && pwd)
put() { install -D -m "$1" "$2" "$root$3"; }
put 0755 "$node" /opt/sealwright/bin/node
rm -rf "$root/opt/sealwright/dist"
mkdir -p "$root/opt/sealwright/dist"
cp -R "$dist/." "$root/opt/sealwright/dist"
cat > "$root/opt/sealwright/bin/sealwright" <<'WRAPPER'
#!/bin/sh
exec /opt/sealwright/bin/node /opt/sealwright/dist/cli/index.js "$@"
WRAPPER
chmod 0755 "$root/opt/sealwright/bin/sealwright"
for script in fetch-jitconfig.sh tee-access.sh sealed-storage.sh; do put 0755 "$here/$script" "/opt/sealwright/runner/$script"; done
for hook in job-started.sh job-completed.sh; do put 0755 "$here/hooks/$hook" "/opt/sealwright/hooks/$hook"; done
for unit in sealwright-agent.socket sealwright-agent.service sealwright-worker.socket sealwright-worker@.service actions-runner.service; do put 0644 "$here/units/$unit" "/etc/systemd/system/$unit"; done
put 0644 "$here/etc/60-sealwright-tee.rules" /etc/udev/rules.d/60-sealwright-tee.rules
put 0644 "$here/etc/sysusers.conf" /usr/lib/sysusers.d/sealwright.conf
put 0644 "$here/etc/tmpfiles.conf" /usr/lib/tmpfiles.d/sealwright.conf
put 0644 "$here/etc/sysctl.conf" /etc/sysctl.d/60-sealwright.conf
put 0644 "$here/etc/apparmor.d/sealwright-sandbox" /etc/apparmor.d/sealwright-sandbox
# Ids that the foreign steps of a worker's build run under; the runner's own are for jobs without the machine's agent. They must exist before the users do.
for ids in subuid subgid; do
  grep -qs '^sealwright-build:' "$root/etc/$ids" || echo 'sealwright-build:200000:65536' >> "$root/etc/$ids"
  grep -qs '^runner:' "$root/etc/$ids" || echo 'runner:100000:65536' >> "$root/etc/$ids"
done
[ -e "$root/etc/sealwright/runner.conf" ] || put 0644 "$here/etc/runner.conf" /etc/sealwright/runner.conf
mkdir -p "$root/etc/sealwright/collateral"
put 0644 "$here/../../docs/runner-admin.md" /opt/sealwright/docs/runner-admin.md
# The runner's release goes here; its work folder is a mount.
mkdir -p "$root/opt/actions-runner"
# A mount point that fstab names already, perhaps with another size, keeps its line.
grep -v '^#' "$here/units/runner-storage.conf" | while read -r line; do
  place=$(echo "$line" | awk '{ print $2 }')
  awk -v place="$place" '$1 !~ /^#/ && $2 == place { found = 1 } END { exit !found }' "$root/etc/fstab" 2> /dev/null || echo "$line" >> "$root/etc/fstab"
done
mkdir -p "$root/etc/systemd/system/sockets.target.wants" "$root/etc/systemd/system/multi-user.target.wants"
for socket in sealwright-agent.socket sealwright-worker.socket; do ln -sf "../$socket" "$root/etc/systemd/system/sockets.target.wants/$socket"; done
ln -sf ../actions-runner.service "$root/etc/systemd/system/multi-user.target.wants/actions-runner.service"
