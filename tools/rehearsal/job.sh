# The job of the rehearsal, as the guest runs it: user "runner", no network, no TPM. What it prints is shown on the host.
set -eu
export HOME=/job RUNNER_TEMP=/job/temp SEALWRIGHT_STATE=/job/temp/sealwright
export GITHUB_REPOSITORY=example/app GITHUB_REPOSITORY_ID=100001 GITHUB_REF=refs/heads/main GITHUB_EVENT_NAME=workflow_dispatch
export GITHUB_RUN_ID=1 GITHUB_RUN_ATTEMPT=1 GITHUB_JOB=publish GITHUB_SERVER_URL=https://github.invalid
mkdir -p "$RUNNER_TEMP"
# A copy of its own, as actions/checkout makes one: the tar's files belong to root.
cp -r /inputs/source /job/source
GITHUB_SHA=$(git -C /job/source -c safe.directory='*' rev-parse HEAD)
export GITHUB_SHA
cd /job/source

# A step that fails leaves everything it said for the host.
step() {
  name=$1
  shift
  start=$(date +%s)
  if "$@" >/outputs/"$name".json 2>/outputs/"$name".log; then
    echo "$name: $(($(date +%s) - start)) s"
  else
    echo "$name failed: $(tail -n 5 /outputs/"$name".log | tr '\n' ' ') $(head -c 600 /outputs/"$name".json)"
    exit 1
  fi
}

step setup sealwright setup-cvm-runner --technology tpm --verifier none --nonce "verifier:$(cat /inputs/nonce)" --json
cp "$SEALWRIGHT_STATE/evidence.json" /outputs/evidence.json
context=$(cat /inputs/context)
if [ "$context" = app ]; then
  # It ends with 1 here: the claim "ephemeral" is about a workflow runner's hooks, which a guest that runs one job and goes out has not.
  sealwright runner self-test --agent-user agent --worker-user sealwright-build --json >/outputs/self-test.json 2>/outputs/self-test.log || true
fi
# The sandbox shows prepare the tool cache and what is installed, not this disk: the packages stand where a runner has its tools.
export RUNNER_TOOL_CACHE=/inputs/packages
step publish sealwright publish --technology tpm --context "$context" --builder embedded \
  --prepare 'install-locked /inputs/packages' --build-args BASE=oci:/inputs/base:1 --recipients jwe:/inputs/recipient.pem --rebuilds 1 \
  --output oci:/outputs/store/app:latest --json
