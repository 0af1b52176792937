import { ByteReader } from '../byte-reader.ts'
import { sized, u16, u32, u8 } from './bytes.ts'
import { emptyPassword } from './command.ts'
import { algorithms, handles } from './constants.ts'
import type { Credential } from './credential.ts'
import { flush } from './keys.ts'
import { tpmRandom } from './random.ts'
import type { Tpm } from './tpm.ts'

const policySession = 1
const sha256 = 0x0b

/**
 * Opens a credential (TPM2_ActivateCredential, Part 3 §12.5), which proves that both keys are in this one TPM.
 *
 * @param attestationKey handle of the key whose Name the credential is for
 * @param endorsementKey handle of a key with the policy of the EK Credential Profile
 * @returns the value inside
 * @throws TpmError `INTEGRITY` for the credential of another key, `VALUE` or `SIZE` for that of another TPM
 */
export async function activateCredential(
  tpm: Tpm,
  attestationKey: number,
  endorsementKey: number,
  credential: Credential,
): Promise<Buffer> {
  const session = await startPolicySession(tpm)
  try {
    // The endorsement key's policy: knowledge of the endorsement hierarchy's (empty) password.
    await tpm.run({
      name: 'PolicySecret',
      handles: [handles.endorsement, session],
      authorizations: [emptyPassword],
      parameters: Buffer.concat([sized(), sized(), sized(), u32(0)]),
    })
    const { parameters } = await tpm.run({
      name: 'ActivateCredential',
      handles: [attestationKey, endorsementKey],
      authorizations: [emptyPassword, { session }],
      parameters: Buffer.concat([credential.blob, credential.secret]),
    })
    const reader = new ByteReader(parameters, 'response to TPM2_ActivateCredential', 'BE')
    const value = reader.sized16('value', 64)
    reader.end()
    return value
  } catch (error) {
    // A session that was used well is gone already.
    await flush(tpm, session).catch(() => {})
    throw error
  }
}

/** TPM2_StartAuthSession (Part 3 §11.1) without salt or bind: the policy is its only use. */
async function startPolicySession(tpm: Tpm): Promise<number> {
  const nonce = await tpmRandom(tpm, 16)
  const { handles: made } = await tpm.run({
    name: 'StartAuthSession',
    handles: [handles.null, handles.null],
    parameters: Buffer.concat([sized(nonce), sized(), u8(policySession), u16(algorithms.null), u16(sha256)]),
    responseHandles: 1,
  })
  return made[0] ?? 0
}
