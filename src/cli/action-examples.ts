/** Lines for `--help` of the actions, each one that can be typed. Commands carry their own. */
export const actionExamples: Readonly<Record<string, readonly string[]>> = {
  'setup-cvm-runner': [
    'sealwright setup-cvm-runner',
    'sealwright setup-cvm-runner --technology sample   # a trial on a laptop; proves nothing',
  ],
  'build-reproducible': [
    'sealwright build-reproducible --context . --file Containerfile',
    'sealwright build-reproducible --platforms linux/amd64,linux/arm64 --rebuilds 2 --output oci:/tmp/app:1.0',
  ],
  sbom: [
    'sealwright sbom --image registry.example.com/team/app:1.0 --directory sbom',
    'sealwright sbom --subject source:. --formats cyclonedx-json --directory sbom',
  ],
  encrypt: [
    'sealwright encrypt --image oci:/tmp/app:1.0 --recipients jwe:public.pem',
    'sealwright encrypt --recipients kbs:///team/image-key/app --kbs-url https://kbs.example.com   # the image of this job',
  ],
  'sign-attest': [
    'sealwright sign-attest --output registry.example.com/team/app:1.0   # the image of this job, by its agent',
    'sealwright sign-attest --image oci:/tmp/app:1.0 --signer key --key release.pem',
  ],
  'kbs-publish': [
    'sealwright kbs-publish --kbs-url https://kbs.example.com --plan kbs-plan.yml --mode plan --admin-key env:KBS_ADMIN_KEY',
    'sealwright kbs-publish --kbs-url https://kbs.example.com --plan kbs-plan.yml --admin-key env:KBS_ADMIN_KEY',
  ],
  'verify-deploy': [
    'sealwright verify-deploy --image registry.example.com/team/app:1.0 --policy policy.yml',
    'sealwright verify-deploy --image oci:/tmp/app:1.0 --policy policy.yml --launch unpack --output rootfs',
  ],
  promote: [
    'sealwright promote --from ghcr.io/owner/app:1.0 --to registry.example/prod/app --policy policy.yml --dry-run',
    'sealwright promote --from registry.example/app:1.0 --to oci:/tmp/archive --policy policy.yml --exclude .att',
    'sealwright promote --subscription subscription.yml --signer key --key receiver.pem',
  ],
  publish: [
    'sealwright publish --output registry.example.com/team/app:1.0',
    'sealwright publish --output oci:/tmp/app:1.0 --technology none --signer key --key release.pem',
  ],
}
