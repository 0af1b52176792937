import type { Definition } from '../../doors/definitions.generated.ts'
import type { Command } from '../command.ts'
import { documentOptions } from '../tee/document.ts'
import { option } from '../tee/evidence-options.ts'
import { trustedRootOptions } from '../trusted-root-options.ts'

/** Options of `tee reference-values import`; those about the signature are the ones of `verify bundle`. */
export const importValuesOptions: Definition['inputs'] = [
  option(
    'file',
    'Published values: a file of Tinfoil, Confidential Containers or confos, or an unsigned CoRIM.',
    '',
    true,
  ),
  option(
    'technology',
    'snp, tdx, az-snp-vtpm, az-tdx-vtpm or tpm; needed where the file has values of several, and for a CoRIM.',
  ),
  option(
    'pick',
    'Of a CoRIM: NAME=IDENTIFIER, a measured value and the identifier of its digests, e.g. pcr11=ACME/Board/7.',
  ),
  option('bundle', 'Sigstore bundle over the file. Without it the command needs --accept unsigned.'),
  option('public-key', 'PEM file of the public key that has to have signed.'),
  option('identity', 'Subject alternative name of the certificate, compared whole.'),
  option('identity-pattern', 'Regular expression that covers the whole name, in place of `identity`.'),
  option('issuer', 'Issuer of the identity, compared whole.'),
  ...trustedRootOptions,
  option('log-entries', 'Entries of trusted logs that are required, 0 to 3; needs a trusted root.', '1'),
  option('accept', 'unsigned: import values that nobody signed. Who signs the document then vouches for them alone.'),
  ...documentOptions.map((one) => (one.name === 'output' ? { ...one, required: true } : one)),
]

/** Commands about values that others published. */
export const publishedCommands: Readonly<Record<string, Command>> = {
  'tee reference-values import': {
    description:
      'Verifies published values and writes them as a document. It reads files of Tinfoil, Confidential Containers and confos, and CoRIM.',
    inputs: importValuesOptions,
    positional: 'file',
    flags: ['tuf-offline'],
    examples: [
      'sealwright tee reference-values import tinfoil-deployment.json --technology snp --bundle tinfoil.sigstore.json --identity https://github.com/OWNER/REPO/.github/workflows/release.yml@refs/tags/v1 --issuer https://token.actions.githubusercontent.com --output values.json',
      'sealwright tee reference-values import manifest.json --technology tdx --accept unsigned --output values.json',
    ],
    run: async (inputs, context) => (await import('./import-values.ts')).importValues(inputs, context),
  },
}
