#!/bin/sh
# The runner calls this before the first step of each job (ACTIONS_RUNNER_HOOK_JOB_STARTED). Any exit code but 0 fails the job.
# It belongs to root: who can change it can leave the attestation out.
# No name of a file: words of the settings are taken as they stand, whatever lies in the working directory.
set -euf
settings="${SEALWRIGHT_SETTINGS:-/etc/sealwright/runner.conf}"
if [ ! -r "$settings" ]; then
  echo "sealwright: $settings cannot be read, so this machine cannot be attested" >&2
  exit 1
fi
. "$settings"
# Words of SEALWRIGHT_OPTIONS are options: the file is the admin's.
# shellcheck disable=SC2086
exec "${SEALWRIGHT:-/opt/sealwright/bin/sealwright}" runner job-started ${SEALWRIGHT_OPTIONS:-}
