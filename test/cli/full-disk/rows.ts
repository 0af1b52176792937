/** A command that writes: what to type, below a folder PLACE that holds what {@link prepare} put there. */
type Row =
  | { readonly type: string; /** It makes folders at first, and files when a job comes. */ readonly only?: 'no-access' }
  /** It needs a service, a device or long preparations before it writes; its file writes by this function, which other rows try. */
  | { readonly file: string; readonly by: 'writeNewFile' | 'replaceFile' | 'writeFile' | 'mkdir' }
  /** It writes nothing that outlives it. */
  | 'reads'

const image = 'oci:PLACE/app'
const key = '--key PLACE/key.pem'
const status = '--key PLACE/status.pem'

/** Each action and command of the command line. */
export const rows: Readonly<Record<string, Row>> = {
  'setup-cvm-runner': { type: '--technology sample --verifier none' },
  'build-reproducible': { type: '--context PLACE/src --builder embedded --rebuilds 0 --output oci:PLACE/built' },
  sbom: { type: `--image ${image} --directory PLACE/docs` },
  encrypt: { type: `--image ${image} --recipients jwe:PLACE/rsa.pub --output oci:PLACE/encrypted` },
  'sign-attest': { type: `--image ${image} --signer key ${key} --statements sign` },
  'kbs-publish': { type: '--kbs-url embedded:PLACE/kbs --plan PLACE/plan.yml' },
  'verify-deploy': { type: `--image ${image} --policy PLACE/policy.yml` },
  promote: { type: `--from ${image} --to oci:PLACE/copy --policy PLACE/policy.yml` },
  publish: { type: `--context PLACE/src --builder embedded --technology sample --output oci:PLACE/published` },

  'policy init': { type: `--image ${image} --public-key PLACE/key.pub --output PLACE/out/policy.yml` },
  'kbs dev-server': { type: '--directory PLACE/server --listen 127.0.0.1:0' },
  'kbs doctor': 'reads',
  'kbs drift': { type: 'embedded:PLACE/stood --plan PLACE/plan.yml' },
  'kbs policy test': 'reads',
  decrypt: { type: 'oci:PLACE/closed --decryption-key PLACE/rsa.pem --output oci:PLACE/plain' },
  rewrap: {
    type: 'oci:PLACE/closed --decryption-key PLACE/rsa.pem --recipients jwe:PLACE/rsa.pub --output oci:PLACE/rewrapped',
  },
  'keyprovider exec': 'reads',
  'keyprovider serve': 'reads',
  'agent stop': 'reads',
  'verify bundle': 'reads',
  'conformance sign-bundle': { file: 'bundle/conformance-sign.ts', by: 'writeNewFile' },
  'conformance verify-bundle': 'reads',
  'sign model': { type: `PLACE/src ${key} --output PLACE/out/model.sig` },
  'guest check': 'reads',
  'guest pod': {
    type: `${image} --as r.example/a --runtime-class kata-qemu-snp --kbs-url https://kbs.example --output PLACE/out/pod.yaml`,
  },
  'agent-policy make': {
    type: `${image} --as r.example/a --arg /app --output PLACE/out/policy.rego`,
  },
  'agent-policy check': 'reads',
  'image-policy make': { type: '--rule r.example/a=kbs:///a/b/c --output PLACE/out/policy.json' },
  'image-policy check': 'reads',
  'initdata make': { type: '--file PLACE/key.pub --output PLACE/out/initdata.toml' },
  'initdata show': 'reads',
  'initdata check': 'reads',
  'initdata put': { type: 'PLACE/initdata.toml --to oci:PLACE/initdata:1' },
  'secret seal': {
    type: 'kbs:///a/b/c --key PLACE/status.pem --key-uri kbs:///a/b/k --output PLACE/out/secret.sealed',
  },
  'secret open': { file: 'secret/open.ts', by: 'writeNewFile' },
  'scitt verify': 'reads',
  'scitt list': 'reads',
  'scitt submit': { file: 'scitt/submit.ts', by: 'writeNewFile' },
  'scitt keys': { file: 'scitt/keys.ts', by: 'writeNewFile' },
  tree: 'reads',
  repair: { type: `oci:PLACE/lost:latest --scan` },
  'gc-report': 'reads',
  // Its cache may be lost at any time.
  query: 'reads',
  'status set': { type: `${image} --status active ${status}` },
  'status show': 'reads',
  'archive record': { type: `${image} --in-production 2026-01-01T00:00:00Z..2026-02-01T00:00:00Z ${status}` },
  'archive purge': { type: `oci:PLACE/archive:latest ${status}` },
  'sbom score': 'reads',
  'sbom convert': { type: 'PLACE/docs-before/sbom.spdx.json --to cyclonedx-json --output PLACE/out/sbom.json' },
  'sbom diff': { type: 'PLACE/docs-before PLACE/docs-before --output PLACE/out/diff.txt' },
  'sbom verify': { type: `${image} --sbom PLACE/docs-before/sbom.spdx.json --output PLACE/out/verified.txt` },
  'log init': { type: 'PLACE/new-log --origin log.example.internal --key PLACE/new-log.pem' },
  'log append': { type: `PLACE/log PLACE/model.sig --public-key PLACE/key.pub --key PLACE/log.pem` },
  'log prove': {
    type: 'PLACE/log --log-key PLACE/log.pub --origin log.example.internal --bundle PLACE/known.sig --public-key PLACE/key.pub --output PLACE/out/proved.sig',
  },
  'log verify': { type: 'PLACE/log --log-key PLACE/log.pub --origin log.example.internal --last PLACE/out/last' },
  'log witness': {
    type: `PLACE/log --log-key PLACE/log.pub --origin log.example.internal --name w.example/1 --key PLACE/log.pem --memory PLACE/memory`,
  },
  'log serve': { file: '../log/directory-store.ts', by: 'replaceFile' },
  'tee predict snp': { file: 'tee/document.ts', by: 'writeNewFile' },
  'tee predict tdx': { file: 'tee/document.ts', by: 'writeNewFile' },
  'tee predict pcr': { file: 'tee/document.ts', by: 'writeNewFile' },
  'tee predict verity': 'reads',
  'tee reference-values import': { file: 'tee/document.ts', by: 'writeNewFile' },
  'tee reference-values sign': { type: `--document PLACE/values.json ${key} --output PLACE/out/values.dsse.json` },
  'tee reference-values verify': 'reads',
  'tee reference-values trustee': {
    type: '--file PLACE/values.dsse.json --public-key PLACE/key.pub --output PLACE/out/trustee.json',
  },
  'tee reference-values machine': { file: 'tee/trustee-machine.ts', by: 'writeNewFile' },
  'tee reference-values show': 'reads',
  'tee show': 'reads',
  'tee verify': 'reads',
  'tee token': 'reads',
  'tee collateral fetch': { file: '../tee/collateral/store.ts', by: 'replaceFile' },
  'tee collateral show': 'reads',
  'tee collect': { type: '--report-data 00 --technology sample --output PLACE/out/evidence.json' },
  'tee convert': { type: '--evidence PLACE/evidence.json --to coco --output PLACE/out/coco.json' },
  'tee ak show': { file: 'tee/ak-machine.ts', by: 'writeNewFile' },
  'tee ak challenge': {
    type: '--keys PLACE/keys.json --output PLACE/out/challenge.bin --pending PLACE/out/pending.json',
  },
  'tee ak activate': { file: 'tee/ak-machine.ts', by: 'writeNewFile' },
  'tee ak record': {
    type: `--pending PLACE/pending.json --answer PLACE/answer.bin ${key} --output PLACE/out/record.json`,
  },
  'agent serve': {
    type: '--socket PLACE/a/agent.sock --directory PLACE/machine --technology sample',
    only: 'no-access',
  },
  'agent launcher': { file: '../agent/worker/launcher.ts', by: 'mkdir' },
  'kbs get': { file: 'runner/kbs-get.ts', by: 'writeNewFile' },
  'runner self-test': 'reads',
  'runner job-started': { type: '--technology sample --verifier none --require-attested false' },
  'runner job-completed': 'reads',
  'runner attest': { file: 'runner/attest.ts', by: 'writeFile' },
  version: 'reads',
}
