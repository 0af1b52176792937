import { isAbsolute } from 'node:path'
import { InputError } from '../../base/errors.ts'
import { useOneOf } from '../../base/nearest.ts'
import type { KeySource } from '../../sign/signers/types.ts'
import type { RawInputs } from '../../doors/context.ts'

/** Who signs. `key` stands for every key of people, wherever it lies. */
export interface SignerInput<T extends string> {
  signer: T | 'key'
  /** Null unless `signer` is `key`. */
  key: KeySource | null
}

/**
 * Reads `signer`, `key` and `key-password`: one of the plain words, `key`, `pkcs11:URI` (RFC 7512; `key-password` is the PIN) or `command:PATH`.
 *
 * @param words what else `signer` may be
 * @param more forms that the caller has read before, which a refusal lists
 * @throws InputError `input-invalid`, `input-missing`
 */
export async function readSigner<T extends string>(
  raw: RawInputs,
  words: readonly T[],
  more: readonly string[] = [],
): Promise<SignerInput<T>> {
  const text = raw.text('signer')
  const pem = await raw.secret('key')
  // A key that is ignored would leave a record unsigned that its owner takes for signed.
  if (pem !== null && (/^(?:command|pkcs11):/.test(text) || words.some((word) => word === text)))
    throw new InputError('input-invalid', `a key was given, but the signer is ${text.replace(/:.*/s, '')}`, {
      subject: 'signer',
      remedy: 'Leave `key` out, or set `signer: key`.',
    })
  if (text.startsWith('command:')) {
    const path = text.slice('command:'.length)
    if (!isAbsolute(path))
      throw new InputError('input-invalid', `signer: ${JSON.stringify(path)} is not an absolute path`, {
        subject: 'signer',
        remedy:
          'Write command:/absolute/path/of/program; a name would be looked up in a PATH that other steps can change.',
      })
    return { signer: 'key', key: { kind: 'command', path } }
  }
  if (text.startsWith('pkcs11:'))
    return { signer: 'key', key: { kind: 'pkcs11', uri: text, pin: await raw.secret('key-password') } }
  if (text.startsWith('kbs:'))
    throw new InputError('unsupported', `signer: ${JSON.stringify(text)} does not sign here`, {
      subject: 'signer',
      remedy: 'A key of a KBS signs what vouches for images, in sign-attest alone: no verdict is signed with it.',
    })
  const plain = [...words, 'key'] as const
  const signer = plain.find((word) => word === text)
  if (signer === undefined)
    throw new InputError('input-invalid', `signer: ${JSON.stringify(text)} is not a kind of signer`, {
      subject: 'signer',
      remedy: useOneOf(text, [...plain, 'pkcs11:URI', 'command:/PATH', ...more]),
    })
  if (signer !== 'key') return { signer, key: null }
  if (pem === null)
    throw new InputError('input-missing', 'signer: key needs a key', {
      subject: 'key',
      remedy: 'Set `key` to env:NAME or a file.',
    })
  return { signer, key: { kind: 'pem', text: pem, passwords: await raw.passwords('key-password') } }
}
