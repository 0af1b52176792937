import type { Definition } from '../../doors/definitions.generated.ts'
import { option } from '../tee/evidence-options.ts'

/** Keys of KBS recipients, for wrapping and for opening. */
export const kekOptions: Definition['inputs'] = [
  option(
    'key-file',
    'FILE of 32 raw bytes, the key of kbs recipients, or kbs:///repo/type/tag=FILE for one of them; may be repeated.',
  ),
  option(
    'kbs-url',
    'Key Broker Service that gives the other keys, to this machine by attestation (https, or embedded:DIR).',
  ),
  option(
    'technology',
    'How this machine attests itself to it: auto, snp, tdx, az-snp-vtpm, az-tdx-vtpm, tpm or sample.',
    'auto',
  ),
]

/** How an encrypted image is opened. */
export const keyOptions: Definition['inputs'] = [
  option('decryption-key', 'Private key (PEM or JWK): a file, or env:NAME; may be repeated.'),
  ...kekOptions,
  option(
    'unwrap-command',
    'Program that gets a PKCS#11 packet on stdin and prints the private options (docs/encryption.md).',
  ),
]
