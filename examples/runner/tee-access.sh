#!/bin/sh
# Leaves the TEE to the agent's user: run by sealwright-agent.service as root before the agent starts. Devices are udev's matter
# (etc/60-sealwright-tee.rules); this is for what udev does not see.
set -eu
agent="${1:-sealwright-agent}"
reports=/sys/kernel/config/tsm/report
if [ -d "$reports" ]; then
  chown "$agent:$agent" "$reports"
  chmod 0700 "$reports"
fi
for register in /sys/devices/virtual/misc/tdx_guest/measurements/*; do
  [ -e "$register" ] || continue
  chown "$agent:$agent" "$register"
  chmod o= "$register"
done
