import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'

/** Commands about those who will read an image. */
export const guestCommands: Readonly<Record<string, Command>> = {
  'guest check': {
    description:
      'Tells which readers of an image find, verify and open it. For the others it says why not. Where a reader is installed it is run, otherwise a model of one version judges. Exits with 1 unless every reader that was asked for reads the image.',
    inputs: [
      option('image', 'Image: oci:DIR[:TAG], HOST/NAME[:TAG] or another store (docs/stores.md).', '', true),
      option('for', 'Readers, as NAME or NAME@VERSION; may be repeated. Default: all that are known.'),
      option('public-key', 'PEM file of the public key whose signature counts.'),
      option('identity', 'Subject alternative name of the certificate whose signature counts, in place of a key.'),
      option('issuer', 'Issuer of the identity.'),
      option(
        'trusted-root',
        'Sigstore trusted root (JSON) for the identity. Default: the public instance, as of this release; no network is used.',
      ),
      option('trust-store', 'PEM file of root certificates that Notary Project readers trust; may be repeated.'),
      option('kbs-url', 'URL of the Key Broker Service that guests will ask for the keys of an encrypted image.'),
      option('platform', 'Platform that readers run, as os/architecture[/variant].', 'linux/amd64'),
      option('as', 'HOST/NAME under which readers will pull the image, if that is not where it lies now.'),
      option('layers', 'Read the layers too: archives that a guest unpacks otherwise, devices, attributes.'),
      option('pull', 'Programs may download the whole image into a temporary folder (skopeo).'),
      option('models', 'Run no program: judge by the models alone.'),
    ],
    positional: 'image',
    flags: ['layers', 'pull', 'models'],
    examples: [
      'sealwright guest check ghcr.io/example/app:1.0 --for coco@0.21,cosign@3 --public-key cosign.pub',
      'sealwright guest check oci:out:latest --as registry.example.org/team/app --for coco,kyverno --public-key cosign.pub --json',
    ],
    run: async (inputs, context) => (await import('./check.ts')).guestCheck(inputs, context),
  },
}
