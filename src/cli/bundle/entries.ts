import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'
import { trustedRootOptions } from '../trusted-root-options.ts'

/** Commands about Sigstore bundles. */
export const bundleCommands: Readonly<Record<string, Command>> = {
  'verify bundle': {
    description:
      'Verifies a Sigstore bundle over a file or an image. Of an image all that is attached is read. Checks signature, signer, log entries and trusted time, and for statements that one of the subjects is the file or image. Of a model every file of the folder is compared. Of an image without an expected signer it lists who vouches for it, and exits with 1. Only the registry of the image is contacted, and a TUF repository where one is named.',
    inputs: [
      option(
        'file',
        'File that the bundle is about, the folder of a model (OpenSSF Model Signing), or an image: HOST/NAME[:TAG][@DIGEST], oci:DIR or another store (docs/stores.md).',
        '',
        true,
      ),
      option(
        'bundle',
        'Sigstore bundle, version 0.1 to 0.3. Without it the bundles that are attached to the image are verified, and the signatures of its .sig and .att tags; of a model model.sig in its folder.',
      ),
      option(
        'public-key',
        'PEM file of the public key that has to have signed. Logs and time stamps are then verified only with a trusted root.',
      ),
      option('identity', 'Subject alternative name of the certificate, compared whole.'),
      option('identity-pattern', 'Regular expression that covers the whole name, in place of `identity`.'),
      option('issuer', 'Issuer of the identity, compared whole.'),
      option(
        'certificate-chain',
        'PEM file of an authority (root last), any of whose certificates may have signed the model, as long as they are valid now; without logs and time stamps.',
      ),
      ...trustedRootOptions,
      option(
        'predicate-type',
        'Type of the statement that is expected; may be repeated. Default: any for a file; for an image with an expected signer the signature of the image itself, and `any` for every statement.',
      ),
      option('log-entries', 'Entries of trusted logs that are required, 0 to 3; needs a trusted root.', '1'),
    ],
    positional: 'file',
    flags: ['tuf-offline'],
    examples: [
      'sealwright verify bundle app.tar.gz --bundle app.sigstore.json --public-key cosign.pub',
      'sealwright verify bundle ghcr.io/OWNER/REPO:v1',
      'sealwright verify bundle app.tar.gz --bundle app.sigstore.json --identity https://github.com/OWNER/REPO/.github/workflows/release.yml@refs/heads/main --issuer https://token.actions.githubusercontent.com',
    ],
    run: async (inputs, context) => (await import('./verify-bundle.ts')).verifyBundleCommand(inputs, context),
  },
  'conformance sign-bundle': {
    description:
      "Signs a file keyless, for Sigstore's conformance suite. Takes the options of that suite; certificate, log entry and time stamp come from the services of the signing configuration.",
    inputs: [
      option('file', 'File to sign, or with --in-toto the statement.', '', true),
      option('staging', 'Not supported: give signing configuration and trusted root by file.'),
      option('in-toto', 'The file is an in-toto statement.'),
      option(
        'identity-token',
        'Identity token: env:NAME or a file. A literal token is accepted in this command alone, for the suite.',
        '',
        true,
      ),
      option('bundle', 'File to write; it must not exist.', '', true),
      ...trustedRootOptions,
      option('signing-config', 'Signing configuration (JSON) version 0.2.', '', true),
    ],
    positional: 'file',
    flags: ['staging', 'in-toto', 'tuf-offline'],
    examples: [
      'sealwright conformance sign-bundle app.tar.gz --identity-token env:TOKEN --bundle app.sigstore.json --signing-config signing_config.json',
    ],
    run: async (inputs, context) => (await import('./conformance-sign.ts')).conformanceSignBundle(inputs, context),
  },
  'conformance verify-bundle': {
    description: "Verifies a bundle, for Sigstore's conformance suite. Takes the options of that suite.",
    inputs: [
      option('file-or-digest', 'Artifact, or its digest as sha256:HEX.', '', true),
      option('staging', 'Not supported: give the trusted root of the staging instance by file.'),
      option('bundle', 'Sigstore bundle.', '', true),
      option('certificate-identity', 'Subject alternative name of the certificate.'),
      option('certificate-oidc-issuer', 'Issuer of the identity.'),
      option('key', 'PEM file of the public key.'),
      ...trustedRootOptions,
    ],
    positional: 'file-or-digest',
    flags: ['staging', 'tuf-offline'],
    examples: ['sealwright conformance verify-bundle app.tar.gz --bundle app.sigstore.json --key cosign.pub'],
    run: async (inputs, context) => (await import('./conformance.ts')).conformanceVerifyBundle(inputs, context),
  },
}
