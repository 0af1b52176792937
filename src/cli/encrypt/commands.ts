import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'
import { kekOptions, keyOptions } from './key-options.ts'

const image = option(
  'image',
  'Encrypted image: oci:DIR[:TAG], HOST/NAME[:TAG] or another store (docs/stores.md); may be given without --image.',
  '',
  true,
)
const provider = option(
  'provider',
  'Name of this provider in the configuration of the caller, where that names several.',
)

/** Commands about encrypted images and their keys. */
export const encryptCommands: Readonly<Record<string, Command>> = {
  decrypt: {
    description:
      'Writes an encrypted image in plain to another place. Each layer is read once, and nothing is in plain anywhere else.',
    inputs: [
      image,
      option('output', 'Where the plain image goes: oci:DIR[:TAG] or HOST/NAME[:TAG].', '', true),
      option(
        'platform',
        "Platform of an index, as os/architecture[/variant]. By default the only one, else this machine's.",
      ),
      ...keyOptions,
    ],
    positional: 'image',
    examples: [
      'sealwright decrypt oci:build/image:1.0-encrypted --output oci:plain:1.0 --decryption-key private.pem',
      'sealwright decrypt ghcr.io/owner/app:1.0 --output oci:plain --kbs-url https://kbs.example.com',
    ],
    run: async (inputs, context) => (await import('./decrypt.ts')).decryptCommand(inputs, context),
  },
  rewrap: {
    description:
      'Gives an encrypted image other recipients. It is not encrypted again. Only the manifest changes; layers are neither read nor copied within a store.',
    inputs: [
      image,
      option(
        'recipients',
        'Who can decrypt the new image: kbs:///repo/type/tag, jwe:PATH, pkcs7:PATH or pkcs11:PATH; may be repeated.',
        '',
        true,
      ),
      option('keep', 'Those who can decrypt the image now stay recipients.'),
      option('output', 'Where the new image goes. By default the same store, under the tag with -rewrapped added.'),
      ...keyOptions,
    ],
    positional: 'image',
    flags: ['keep'],
    examples: [
      'sealwright rewrap ghcr.io/owner/app:1.0 --recipients jwe:partner.pub --keep --decryption-key private.pem',
      'sealwright rewrap oci:build/image:1.0 --recipients kbs:///default/image-key/new --key-file kbs:///default/image-key/new=new.key --kbs-url https://kbs.example.com',
    ],
    run: async (inputs, context) => (await import('./rewrap.ts')).rewrapCommand(inputs, context),
  },
  'keyprovider serve': {
    description:
      'Serves keys to skopeo, buildah and containerd. It speaks the key provider protocol over gRPC (docs/encryption.md).',
    inputs: [
      option('listen', 'unix:/PATH (open to this user alone), or address and port of loopback.', '', true),
      ...kekOptions,
      provider,
    ],
    examples: [
      'sealwright keyprovider serve --listen unix:/run/sealwright/keys.sock --key-file kbs:///default/image-key/app=app.key',
    ],
    run: async (inputs, context) => (await import('./keyprovider.ts')).keyproviderServe(inputs, context),
  },
  'keyprovider exec': {
    description:
      'Answers one request for a key, as skopeo sends it. The request is on stdin, the answer on stdout (docs/encryption.md).',
    inputs: [...kekOptions, provider],
    examples: ['sealwright keyprovider exec --kbs-url https://kbs.example.com'],
    run: async (inputs, context) => (await import('./keyprovider.ts')).keyproviderExec(inputs, context),
  },
}
