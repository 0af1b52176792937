import type { Ports } from '../../base/ports.ts'
import type { KbsConnection } from '../../kbs-server/connect.ts'
import { adminToken, type AdminClaims } from '../../kbs/admin-token.ts'
import { kbsAdmin } from '../../kbs/client.ts'
import type { SignedState } from '../../kbs/signed-state.ts'
import type { StateChoice } from './state-choice.ts'
import type { PublishResult } from './task.ts'

/** Whose state is kept. */
interface StateOwner {
  readonly kbsUrl: string
  readonly adminKey: string | null
  readonly admin: AdminClaims
  readonly mode: 'plan' | 'apply'
  readonly state: StateChoice | null
}

/**
 * Publishes with the last signed state of the plan, and signs the new one after it. Without `signed-state`, publishes alone.
 *
 * @throws as `readState` and `keepState`
 */
export async function withState(
  { kbsUrl, adminKey, admin: claims, mode, state }: StateOwner,
  kbs: KbsConnection,
  ports: Ports,
  publish: (state: SignedState | null | undefined) => Promise<PublishResult>,
): Promise<PublishResult> {
  if (state === null) return publish(undefined)
  const { keepState, readState, toldOf } = await import('./signed-state.ts')
  const { reference, signer, keys } = state
  const before = await readState(reference, keys, ports)
  const result = await publish(before === null ? null : toldOf(before))
  const { desired, plan } = result
  const credential = kbs.embedded?.adminKeyPem ?? adminKey
  if (mode === 'plan' || desired === null || signer === null || credential === null) return result
  const admin = kbsAdmin(kbs.url, adminToken(credential, ports.clock, claims), ports)
  await keepState({ reference, signer, kbs: kbsUrl, plan, desired, before, admin }, ports)
  return result
}
