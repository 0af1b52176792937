import { InputError, VerificationError } from '../../base/errors.ts'
import { loadPublicKey, type PublicKey } from '../../sign/public-key.ts'

/**
 * Public keys that a section of a policy names.
 *
 * @param name of the list, for errors: `status.keys`
 * @param path of the policy
 * @param first number of the first one in its list
 * @throws InputError `file-invalid` for a key that cannot be used
 */
export function readPolicyKeys(pems: readonly string[], name: string, path: string, first = 0): PublicKey[] {
  return pems.map((pem, i) => {
    try {
      return loadPublicKey(`${pem.trim()}\n`, `${name}.${first + i}`)
    } catch (cause) {
      if (!(cause instanceof VerificationError)) throw cause
      throw new InputError('file-invalid', `the policy ${path} is not valid:\n  ${cause.message}`, {
        subject: path,
        cause,
        remedy: 'Give public keys as PEM "PUBLIC KEY": EC P-256, P-384, P-521, RSA of 2048 bits or more, or Ed25519.',
      })
    }
  })
}
