import type { Definition } from '../../doors/definitions.generated.ts'
import type { Command } from '../command.ts'
import { option } from '../tee/evidence-options.ts'

const image = option(
  'image',
  'Image: oci:DIR[:TAG], HOST/NAME[:TAG] or another store (docs/stores.md); may be given without --image.',
  '',
  true,
)
const only = option('only', 'Leave the manifests of an index alone.')

/** Options of whoever signs notices, as `readNoticeSigning` reads them. */
export const noticeSignerOptions: Definition['inputs'] = [
  option('signer', 'key, keyless, pkcs11:URI or command:/PATH.', 'key'),
  option(
    'key',
    'Private key that signs: env:NAME or a file. It must be a key that signs no images, because cosign checks no predicate types.',
  ),
  option('key-password', 'Password of the key, or PIN of the token: env:NAME or a file.'),
  option('timestamp', 'Address of an RFC 3161 service that stamps the signature of a key.'),
  option('signing-config', 'keyless: signing configuration (JSON) of a Sigstore instance, or public.'),
  option('trusted-root', 'keyless: trusted root (JSON) of that instance.'),
  option('identity-token', 'keyless: identity token, env:NAME or a file. Default: the token of the job.'),
  option('oidc-audience', 'keyless: audience of the token that the job is asked for.', 'sigstore'),
]

/** Commands about whether an image may still be used. */
export const statusCommands: Readonly<Record<string, Command>> = {
  'status set': {
    description:
      'Signs whether an image may still be used. The statement is attached to the image, and to each manifest of an index. Gates refuse by it (docs/status.md).',
    inputs: [
      image,
      option('status', 'active, superseded, revoked or end-of-life.', '', true),
      option('by', 'superseded: the image that takes its place, HOST/NAME[:TAG] or oci:DIR[:TAG].'),
      option('reason', 'revoked: why, for people.'),
      option('from', 'revoked: since when the image must not be used. Default: now.'),
      option('date', 'end-of-life: when the support ends.'),
      option('serial', 'Number of the statement. Default: the one after the highest of this signer.'),
      option('valid', 'How long the statement holds, such as 14d. Default: no end.'),
      option('renew', 'Sign a new statement although one that says the same still stands.'),
      only,
      ...noticeSignerOptions,
    ],
    positional: 'image',
    flags: ['renew', 'only'],
    examples: [
      'sealwright status set ghcr.io/owner/app:1.0 --status active --valid 14d --key status.pem',
      'sealwright status set ghcr.io/owner/app:1.0 --status revoked --reason "CVE-2026-0001" --key status.pem',
      'sealwright status set ghcr.io/owner/app:1.0 --status superseded --by ghcr.io/owner/app:1.1 --key status.pem',
    ],
    run: async (inputs, context) => (await import('./set.ts')).statusSet(inputs, context),
  },
  'status show': {
    description:
      'Shows whether an image may still be used, and who says so. Exits with 1 where a trusted signer revoked it or contradicts itself.',
    inputs: [
      image,
      option('public-key', 'PEM file of a key whose statements count; may be repeated.'),
      option('policy', 'Policy whose section `status` names who counts.'),
      option('at', 'Time to judge at. Default: now.'),
      only,
    ],
    positional: 'image',
    flags: ['only'],
    examples: ['sealwright status show ghcr.io/owner/app:1.0 --public-key status.pub'],
    run: async (inputs, context) => (await import('./show.ts')).statusShow(inputs, context),
  },
}
