#!/bin/sh
# Gets the runner's just-in-time configuration from a KBS, which gives it to machines with the right evidence only, and writes it for
# EnvironmentFile= of the runner's unit. Run as root before the runner starts. Nothing is written where the KBS says no.
set -eu
umask 077
. "${SEALWRIGHT_SETTINGS:-/etc/sealwright/runner.conf}"
folder="${JIT_FOLDER:-/run/actions-runner}"
mkdir -p "$folder"
rm -f "$folder/jit" "$folder/jit.env"
trap 'rm -f "$folder/jit"' EXIT
"$SEALWRIGHT" kbs get --kbs-url "$KBS_URL" --resource "$JIT_RESOURCE" --technology "${TECHNOLOGY:-auto}" --output "$folder/jit"
# One line of base64 and nothing else: it goes into an environment.
if [ "$(wc -l < "$folder/jit")" -gt 1 ] || ! tr -d '\n' < "$folder/jit" | grep -Eq '^[A-Za-z0-9+/]+=*$'; then
  echo "sealwright: $JIT_RESOURCE is no just-in-time configuration" >&2
  exit 1
fi
printf 'ACTIONS_RUNNER_INPUT_JITCONFIG=%s\n' "$(tr -d '\n' < "$folder/jit")" > "$folder/jit.env"
