import { verifyEnvelope } from '../../src/sign/dsse.ts'
import type { Envelope } from '../../src/statement/types.ts'

/** Whether an envelope is signed by a key. */
export function verifies(envelope: Envelope, publicKeyPem: string): boolean {
  try {
    verifyEnvelope(envelope, publicKeyPem)
    return true
  } catch {
    return false
  }
}
