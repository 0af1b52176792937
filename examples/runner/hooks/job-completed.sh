#!/bin/sh
# The runner calls this after the last step of each job (ACTIONS_RUNNER_HOOK_JOB_COMPLETED), also of a failed one.
set -eu
settings="${SEALWRIGHT_SETTINGS:-/etc/sealwright/runner.conf}"
[ -r "$settings" ] || { echo "sealwright: $settings cannot be read" >&2; exit 1; }
. "$settings"
exec "${SEALWRIGHT:-/opt/sealwright/bin/sealwright}" runner job-completed
