import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'
import { trustedRootOptions } from '../trusted-root-options.ts'

/** Commands about models; `verify bundle DIR` verifies what `sign model` writes. */
export const modelCommands: Readonly<Record<string, Command>> = {
  'sign model': {
    description:
      'Signs the folder of a model (OpenSSF Model Signing). Writes a Sigstore bundle over the SHA-256 of every file, by version 1.0 of that specification. With a key no log is written and no network is used; keyless the services of the signing configuration are contacted, whose logs may be public. `verify bundle FOLDER` verifies it.',
    inputs: [
      option(
        'directory',
        'Folder of the model. .git, .gitattributes, .github and .gitignore at its top are not signed.',
        '',
        true,
      ),
      option(
        'key',
        'Private key on P-256, P-384 or P-521: a file (PEM, JWK or cosign.key), or env:NAME. Without it --signing-config is needed.',
      ),
      option('key-password', 'Password of the key: a file, or env:NAME.'),
      option(
        'certificate',
        'PEM file: the certificate of the key, then the authorities above it. Readers then pin the authority instead of the key.',
      ),
      option(
        'signing-config',
        'Signing configuration (JSON) of a Sigstore instance: signs keyless, with an identity in place of a key.',
      ),
      option('identity-token', 'Identity token for keyless signing: a file, or env:NAME.'),
      ...trustedRootOptions,
      option(
        'output',
        'File to write, usually model.sig; it must not exist. In the folder of the model it is no part of it.',
        '',
        true,
      ),
    ],
    positional: 'directory',
    flags: ['tuf-offline'],
    examples: [
      'sealwright sign model ./llama --key cosign.key --key-password env:COSIGN_PASSWORD --output ./llama/model.sig',
      'sealwright sign model ./llama --signing-config signing_config.json --identity-token env:TOKEN --output ./llama/model.sig',
    ],
    run: async (inputs, context) => (await import('./sign-model.ts')).signModel(inputs, context),
  },
}
