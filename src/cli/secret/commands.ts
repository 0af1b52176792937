import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'
import { kekOptions } from '../encrypt/key-options.ts'

/** Commands about secrets that a Kubernetes object carries and a guest alone opens (docs/sealed-secrets.md). */
export const secretCommands: Readonly<Record<string, Command>> = {
  'secret seal': {
    description:
      'Signs a sealed secret for Confidential Containers. It points to a resource of the KBS, or holds a text encrypted by a key of a KMS.',
    inputs: [
      option('resource', 'Resource of the KBS that guests get in its place, kbs:///repo/type/tag.'),
      option('key', 'Private key to sign with, EC P-256 (PEM or JWK): a file, or env:NAME.', '', true),
      option(
        'key-uri',
        'Where guests find the public key: kbs:///repo/type/tag, or a file name in their sealed-secret folder.',
        '',
        true,
      ),
      option('output', 'New file for the sealed secret.', '', true),
      option('public-key-output', 'New file for the public key (JWK), which belongs under --key-uri.'),
      option('kubernetes', 'NAME/MEMBER of a Kubernetes Secret: the output is its YAML.'),
      option('provider', 'KMS that holds the key of an envelope: aliyun, aws or ehsm.'),
      option('key-id', 'Name of that key at the KMS.'),
      option('data-key', 'Key that encrypts the text, 32 bytes in base64: a file, or env:NAME.'),
      option('wrapped-key', 'File with the same key, encrypted by the KMS.'),
      option('secret', 'Text of an envelope: a file, or env:NAME.'),
    ],
    positional: 'resource',
    examples: [
      'sealwright secret seal kbs:///team/secret/db --key sealing.pem --key-uri kbs:///team/sealing-key/1 --public-key-output sealing.jwk --kubernetes db/password --output db-secret.yml',
      'sealwright secret seal --provider aliyun --key-id key-1 --data-key env:DEK --wrapped-key dek.wrapped --secret env:PASSWORD --key sealing.pem --key-uri kbs:///team/sealing-key/1 --output password.sealed',
    ],
    run: async (inputs) => (await import('./seal.ts')).secretSeal(inputs),
  },
  'secret open': {
    description: 'Checks a sealed secret as a guest would. With a KBS it also gets the secret. It never prints it.',
    inputs: [
      option('file', 'Sealed secret; may be given without --file.', '', true),
      option('public-key', 'JWK of the key that signed; by default the KBS is asked for it.'),
      option('data-key', 'Key of an envelope, 32 bytes in base64: a file, or env:NAME.'),
      option('output', 'New file for the secret, readable by this user alone.'),
      ...kekOptions.filter(({ name }) => name !== 'key-file'),
    ],
    positional: 'file',
    examples: [
      'sealwright secret open password.sealed --public-key sealing.jwk',
      'sealwright secret open password.sealed --kbs-url embedded:kbs --technology sample --output password.txt',
    ],
    run: async (inputs, context) => (await import('./open.ts')).secretOpen(inputs, context),
  },
}
