import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'

/** `query`: questions to registries as a database of statements. */
export const queryCommands: Readonly<Record<string, Command>> = {
  query: {
    description:
      'Finds statements about images, over a repository, a layout or a list. Exits with 1 where nothing fits. docs/query.md has ten questions with their commands.',
    inputs: [
      option(
        'image',
        'HOST/NAME or oci:DIR (all tags), HOST/NAME:TAG, or @FILE with one of these a line. May be repeated.',
        '',
        true,
      ),
      option('type', 'Artifact type of the manifest; * stands for any text. May be repeated, as all selectors.'),
      option('predicate', 'Predicate type, or its short name (docs/predicates), or sbom; * stands for any text.'),
      option('signer', 'SHA-256 of a public key (hex or base64), a file with the key, or a name in a certificate.'),
      option('identity', 'Subject alternative name of the certificate; * stands for any text.'),
      option('issuer', 'Issuer of that identity; * stands for any text.'),
      option('verdict', 'verified, unverified or invalid.'),
      option('since', 'Only rows of this time or later. The trusted time counts where there is one.'),
      option('until', 'Only rows of this time or earlier.'),
      option('trusted-time', 'Only rows whose time is trusted.'),
      option('latest', 'Only the newest row of each image, kind and signer.'),
      option('newest', 'Only that many.'),
      option('package', 'SBOMs with this package: pkg:TYPE/NAMESPACE/NAME[@VERSION or @>=1.0,<2.0].'),
      option('in-production', 'Images in production within FROM..TO; either end may be left out.'),
      option('status', 'Images of this status: none, active, end-of-life, superseded, revoked or contradictory.'),
      option('trust', 'Policy that names whose statements count.'),
      option('public-key', 'PEM file of a key whose statements of every kind count. May be repeated.'),
      option('at', 'Time to judge at. Default: now.'),
      option('cache', 'Folder of the cache, or none. Default: sealwright/query in the cache folder of the user.'),
      option('format', 'text, json or csv.', 'text'),
    ],
    positional: 'image',
    flags: ['trusted-time', 'latest'],
    examples: [
      'sealwright query ghcr.io/owner/app --predicate provenance --latest --trust policy.yml',
      "sealwright query @repositories.txt --package 'pkg:deb/debian/openssl@<3.0.14' --in-production 2026-01-01..2026-06-30 --trust policy.yml",
      'sealwright query oci:build/image --status revoked --public-key status.pub --format csv',
    ],
    run: async (inputs, context) => (await import('./query.ts')).queryCommand(inputs, context),
  },
}
