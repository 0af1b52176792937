import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { option } from '../tee/evidence-options.ts'

const shared = [
  option(
    'platform',
    'Platform of an index, such as linux/arm64. Without it each platform is compared with the same one of the other side.',
  ),
  option('policy', 'YAML file that says what may differ (docs/sbom-diff.md).'),
  option('format', 'What is printed: text, json, markdown or html.', 'text'),
  option('output', 'File to write the result to; the verdict alone is printed then.'),
  option('decryption-key', 'Private key for an encrypted image, as env:NAME or a file (PEM or JWK).'),
  option(
    'kbs-url',
    'Key Broker Service to fetch the key of an encrypted image from (https, http on loopback, or embedded:DIR).',
  ),
  option('trustee-url', 'Attestation Service (REST) whose token is the passport to the KBS; not needed for embedded.'),
]

/** Commands that compare SBOMs (docs/sbom-diff.md). */
export const sbomCompareCommands = {
  'sbom diff': {
    description:
      'Compares two SBOMs, two images, or an SBOM with an image. Exits with 1 if a difference counts. All formats are read and can be compared with each other.',
    inputs: [
      option(
        'a',
        'What is expected: file of an SBOM or file inventory, folder that the action sbom wrote, image, or directory:PATH, source:PATH, disk:FILE, oci-archive:FILE.',
        '',
        true,
      ),
      option('b', 'What is compared with it, in the same forms.', '', true),
      option(
        'inventory-a',
        'File inventory that belongs to A; default: inventory.jsonl in the same folder, where A names that very file.',
      ),
      option('inventory-b', 'The same for B.'),
      ...shared,
    ],
    positional: ['a', 'b'],
    examples: [
      'sealwright sbom diff old.spdx.json new.cdx.json',
      'sealwright sbom diff sbom.spdx.json oci:image:latest --policy may-differ.yml',
      'sealwright sbom diff oci:image:v1 oci:image:v2 --format markdown --output diff.md',
    ],
    run: async (inputs: RawInputs, context: ActionContext) => (await import('./diff.ts')).sbomDiff(inputs, context),
  },
  'sbom verify': {
    description:
      'Reads an image again and compares it with its SBOMs. These are the attested SBOMs, or given ones. Reports whose signature was verified. Exits with 1 if they differ.',
    inputs: [
      option(
        'image',
        'Image: oci:DIR[:TAG][@DIGEST], HOST/NAME[:TAG][@DIGEST] or another store (docs/stores.md). With --sbom also directory:PATH, source:PATH, model:DIR, dataset:DIR, disk:FILE, oci-archive:FILE or docker-archive:FILE.',
        '',
        true,
      ),
      option('sbom', 'File of an SBOM or inventory to compare with, in place of attested ones; may be repeated.'),
      option('inventory', 'File inventory that belongs to the given SBOM.'),
      option(
        'public-key',
        'PEM file of a key that must have signed the statements; may be repeated. Without it signatures are not verified.',
      ),
      ...shared,
    ],
    positional: 'image',
    examples: [
      'sealwright sbom verify registry.example/app:v1 --public-key cosign.pub',
      'sealwright sbom verify oci:image:latest --sbom sbom.spdx.json',
    ],
    run: async (inputs: RawInputs, context: ActionContext) => (await import('./verify.ts')).sbomVerify(inputs, context),
  },
}
