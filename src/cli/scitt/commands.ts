import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'
import { issuerOptions, serviceOptions } from './trust.ts'

/** Options of an issuer that select statements where they are listed. */
const filters = [
  option('issuer', 'Only statements of this issuer. A did:x509 also verifies them: it pins an authority.'),
  option('subject', 'Only statements with this subject; `*` covers a part of one segment.'),
]

/** Commands about SCITT signed statements and receipts. */
export const scittCommands: Readonly<Record<string, Command>> = {
  'scitt verify': {
    description:
      'Verifies SCITT signed statements and their receipts. Reads a file, or all statements that are attached to an image. Offline for files.',
    inputs: [
      option(
        'statement',
        'File with a signed statement, or an image: oci:DIR[:TAG], HOST/NAME[:TAG] or another store (docs/stores.md).',
        '',
        true,
      ),
      ...issuerOptions,
      ...serviceOptions,
      option('content', 'File with the content: the detached payload, or what a hash envelope digests.'),
      option('receipt', 'File with a receipt that does not stand in the statement; may be repeated.'),
    ],
    positional: 'statement',
    examples: [
      'sealwright scitt verify statement.scitt --public-key issuer.pub --service log.pub',
      'sealwright scitt verify ghcr.io/owner/app:1.0 --public-key release.pub',
    ],
    run: async (inputs, context) => (await import('./verify.ts')).scittVerify(inputs, context),
  },
  'scitt submit': {
    description:
      'Registers signed statements and keeps the receipts. Sends a file, or the statements of a trusted issuer that are attached to an image, to a transparency service (SCRAPI). The service sees the statements.',
    inputs: [
      option('statement', 'File with a signed statement, or an image whose statements are registered.', '', true),
      option('url', 'Address of the service: https://HOST[/PATH], or http on this machine.', '', true),
      ...issuerOptions,
      option('token', 'Bearer token for the service: env:NAME or a file.'),
      ...serviceOptions,
      option('output', 'File for the receipt of a file; it must not exist. Receipts of an image are attached to it.'),
      option('timeout', 'Seconds to wait for one registration.', '120'),
    ],
    positional: 'statement',
    examples: [
      'sealwright scitt submit statement.scitt --url https://log.example --service log.pub --output receipt.cose',
    ],
    run: async (inputs, context) => (await import('./submit.ts')).scittSubmit(inputs, context),
  },
  'scitt list': {
    description:
      'Lists the SCITT signed statements and receipts of an image. With --all-tags those of all tagged images of a repository. Nothing is verified without --public-key, a did:x509 as --issuer, or --service.',
    inputs: [
      option(
        'image',
        'Image or repository: oci:DIR[:TAG], HOST/NAME[:TAG] or another store (docs/stores.md).',
        '',
        true,
      ),
      { ...option('all-tags', 'List all tagged images of the repository.'), default: 'false' },
      ...issuerOptions.map((one) => filters.find(({ name }) => name === one.name) ?? one),
      option(
        'feed',
        'Only statements with this `feed`, which stood for the subject before RFC 9943; `*` covers a part of one segment.',
      ),
      option('type', 'Only statements of this content type.'),
      ...serviceOptions,
    ],
    positional: 'image',
    flags: ['all-tags'],
    examples: [
      'sealwright scitt list ghcr.io/owner/app:1.0',
      'sealwright scitt list ghcr.io/owner/app --all-tags --type application/vnd.in-toto+json --public-key release.pub --service log.pub',
    ],
    run: async (inputs, context) => (await import('./list.ts')).scittList(inputs, context),
  },
  'scitt keys': {
    description:
      'Writes the keys that a transparency service publishes. `scitt verify` pins them with --service. Compare their thumbprints with what the operator of the service says elsewhere.',
    inputs: [
      option('url', 'Address of the service: https://HOST[/PATH], or http on this machine.', '', true),
      option('output', 'File for the keys; it must not exist.', '', true),
      option(
        'format',
        'cose: the COSE_KeySet as the service sent it; pem: the same keys for `scitt.services` of a policy.',
        'cose',
      ),
    ],
    examples: ['sealwright scitt keys --url https://log.example --output log.keys'],
    run: async (inputs, context) => (await import('./keys.ts')).scittKeys(inputs, context),
  },
}
