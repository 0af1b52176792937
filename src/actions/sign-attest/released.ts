import { InputError } from '../../base/errors.ts'
import type { RawInputs } from '../../doors/context.ts'
import { checkKbsUrl, checkServiceUrl, parseKbsUri } from '../../kbs/uri.ts'
import type { ReleasedKeySource } from '../../tasks/sign/released/session.ts'

/**
 * Reads `signer: kbs:///repository/type/tag` with `kbs-url` and `trustee-url`; null for another signer.
 *
 * @throws InputError `input-invalid`, `input-missing`
 */
export function readReleased(raw: RawInputs): ReleasedKeySource | null {
  const uri = raw.text('signer')
  if (!uri.startsWith('kbs:')) return null
  parseKbsUri(uri)
  if (raw.text('key') !== '')
    throw new InputError('input-invalid', 'a key was given, but the signer is a key of a KBS', {
      subject: 'signer',
      remedy: 'Leave `key` out, or set `signer: key`.',
    })
  const kbsUrl = raw.text('kbs-url')
  if (kbsUrl === '') throw missing('kbs-url', uri, 'Set `kbs-url` to the KBS that keeps the key, or embedded:DIR.')
  const trusteeUrl = raw.text('trustee-url')
  if (kbsUrl.startsWith('embedded:')) return { kind: 'kbs', uri, kbsUrl, trusteeUrl: null }
  if (trusteeUrl === '')
    throw missing(
      'trustee-url',
      uri,
      'Set `trustee-url` to the address of the Attestation Service that the KBS trusts: its token is the passport.',
    )
  return {
    kind: 'kbs',
    uri,
    kbsUrl: checkKbsUrl(kbsUrl, 'kbs-url'),
    trusteeUrl: checkServiceUrl(trusteeUrl),
  }
}

function missing(input: string, uri: string, remedy: string): InputError {
  return new InputError('input-missing', `signer: ${uri} needs \`${input}\``, { subject: input, remedy })
}
