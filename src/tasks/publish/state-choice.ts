import { asInput } from '../../base/as-input.ts'
import { InputError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import { loadPublicKey } from '../../sign/public-key.ts'
import { openPem } from '../../sign/signers/open.ts'
import type { Signer } from '../../statement/types.ts'

/** Where the signed state of a plan is kept, and whose signatures count. */
export interface StateChoice {
  readonly reference: string
  /** Null where nothing is signed. */
  readonly signer: Signer | null
  /** PEM of the public keys that may have signed the last state. */
  readonly keys: readonly string[]
}

/** The inputs `signed-state`, `state-key` and `state-public-key`. */
export interface StateInputs {
  readonly reference: string
  readonly key: string | null
  /** Absolute paths. */
  readonly publicKeys: readonly string[]
  /** Whether this run writes a new state. */
  readonly signs: boolean
}

/** @returns null where no state is kept. @throws InputError `input-missing`, `input-invalid`, `file-missing`, `file-invalid` */
export async function readStateChoice({ reference, key, publicKeys, signs }: StateInputs): Promise<StateChoice | null> {
  const given = key !== null ? 'state-key' : publicKeys.length > 0 ? 'state-public-key' : null
  if (reference === '') {
    if (given === null) return null
    throw new InputError('input-invalid', `${given} was given, but no state is kept`, {
      subject: given,
      remedy: `Set \`signed-state\`, or leave \`${given}\` out.`,
    })
  }
  if (given === null || (signs && key === null)) {
    const wanted = signs ? 'state-key' : 'state-public-key'
    throw new InputError(
      'input-missing',
      `signed-state: no key was given ${signs ? 'that signs it' : 'that may have signed it'}`,
      {
        subject: wanted,
        remedy: `Set \`${wanted}\`.`,
      },
    )
  }
  const signer = key === null ? null : await openPem(key, [])
  const keys = signer === null ? [] : [signer.publicKeyPem]
  for (const path of publicKeys) {
    const pem = `${(await readNamedFile(path, 'state-public-key')).toString('utf8').trim()}\n`
    keys.push(asInput('state-public-key', () => loadPublicKey(pem)).pem)
  }
  return { reference, signer, keys }
}
