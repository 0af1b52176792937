import { usualPolicyUri } from '../../kbs/image-policy.ts'
import { acceptOption } from '../agent-policy/commands.ts'
import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'

/** Commands about those who will read an image. */
export const guestCommands: Readonly<Record<string, Command>> = {
  'guest check': {
    description:
      'Tells which readers of an image find, verify and open it. For the others it says why not. Where a reader is installed it is run, otherwise a model of one version judges. With --technology, --token or --plan it does what a Confidential Containers guest does, step by step. Exits with 1 unless every reader that was asked for reads the image, and if a step of the guest fails.',
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
      option(
        'technology',
        'Plays a guest: attests this machine to the KBS (auto, snp, tdx, az-snp-vtpm, az-tdx-vtpm, tpm or sample). With --plan: technology of the guest.',
      ),
      option('token', "Plays a guest: file of a guest's attestation token (EAR), with which the KBS is asked."),
      option('plan', 'Plays a guest without a KBS: plan of kbs-publish whose rules count.'),
      option('measurement', 'With --plan: launch measurement of the guest, as a plan writes it.'),
      option('initdata', 'Initdata document of the guest: its cdh.toml says where it reads its image policy.'),
      option('policy-uri', `Where the guest reads its image policy, without --initdata. Default: ${usualPolicyUri}.`),
      option('plain', 'Image as it was built, whose root file system the guest must come to.'),
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
      'sealwright guest check registry.example.org/team/app:1.0 --kbs-url https://kbs.example.org --technology auto --plain oci:built',
      'sealwright guest check registry.example.org/team/app:1.0 --plan plan.yml --technology snp --measurement "$MEASUREMENT" --initdata initdata.toml',
    ],
    run: async (inputs, context) => (await import('./check.ts')).guestCheck(inputs, context),
  },
  'guest pod': {
    description:
      'Writes a pod that runs an image in a confidential guest. It names the image by digest, and makes the initdata of the guest, or takes the given one.',
    inputs: [
      option('image', 'Image: HOST/NAME[:TAG], oci:DIR[:TAG] or another store (docs/stores.md).', '', true),
      option(
        'runtime-class',
        'Runtime class for the hardware: kata-qemu-snp, kata-qemu-tdx, kata-remote; kata-qemu-coco-dev without.',
        '',
        true,
      ),
      option('name', 'Name of pod and container. Default: the last part of the image name.'),
      option('as', 'HOST/NAME under which the guest will pull the image, if that is not where it lies now.'),
      option('kbs-url', 'URL of the Key Broker Service, as the guest reaches it.'),
      option('kbs-cert', 'PEM file of its certificate or authority, if the guest does not trust it anyway.'),
      option('policy-uri', `Where the guest reads its image policy. Default: ${usualPolicyUri}.`),
      option('registry-ca', 'PEM file of the authority of the registry, if the guest does not trust it anyway.'),
      option(
        'agent-policy',
        'Rego file: what the guest allows the host to ask its agent, from sealwright agent-policy make or genpolicy.',
      ),
      acceptOption,
      option('initdata', 'Initdata document to use as it is, in place of the five options before.'),
      option('output', 'File to write; it must not exist. Without it the manifest goes to stdout.'),
      option('initdata-output', 'File to write the initdata document to; it must not exist.'),
    ],
    positional: 'image',
    examples: [
      'sealwright guest pod registry.example.org/team/app:1.0 --runtime-class kata-qemu-snp --kbs-url https://kbs.example.org --output pod.yaml',
      'sealwright guest pod oci:out:latest --as registry.example.org/team/app --runtime-class kata-qemu-tdx --initdata initdata.toml',
    ],
    run: async (inputs, context) => (await import('./pod.ts')).guestPod(inputs, context),
  },
}
