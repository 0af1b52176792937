import type { Signer } from '../../statement/types.ts'
import type { CoseSigner } from '../cose/write.ts'

/** A signer of statements that also signs COSE messages, by the algorithm that belongs to its key. */
export interface OpenedSigner extends Signer {
  /** @throws InputError `unsupported` for a kind of key that COSE has no algorithm for */
  cose(): Promise<CoseSigner>
}

/** Where a key of people lies that signs beside, or in place of, the agent's. Each is opened by the step, never by a worker (TRUST §4). */
export type KeySource =
  | {
      kind: 'pem'
      /** PEM or JWK text. */
      text: string
      /** To be tried in this order; none where none was given. */
      passwords: readonly string[]
    }
  | {
      kind: 'pkcs11'
      /** RFC 7512. */
      uri: string
      pin: string | null
    }
  | {
      kind: 'command'
      /** Absolute path of the program. */
      path: string
    }
