# The job of the measured boot: evidence of this machine by the bundled code, nothing more.
set -eu
export HOME=/job RUNNER_TEMP=/job/temp SEALWRIGHT_STATE=/job/temp/sealwright
mkdir -p "$RUNNER_TEMP"
sealwright setup-cvm-runner --technology tpm --verifier none --nonce "verifier:$(cat /inputs/nonce)" --json >/outputs/setup.json
cp "$SEALWRIGHT_STATE/evidence.json" /outputs/evidence.json
