import { stat } from 'node:fs/promises'
import { join } from 'node:path'
import type { Ports } from '../../base/ports.ts'
import { tsmMissing } from './tsm.ts'

/** Device that the guest driver of a provider makes: tells the two users of configfs-tsm apart without asking for a report. */
const devices: Record<string, string> = { sev_guest: 'sev-guest', tdx_guest: 'tdx_guest' }

/** What is missing for a technology behind configfs-tsm, in one sentence, or null. */
export async function providerMissing(technology: string, provider: string, ports: Ports): Promise<string | null> {
  const missing = await tsmMissing(ports, technology)
  if (missing !== null) return missing
  const device = join(ports.roots.dev, devices[provider] ?? provider)
  return (await stat(device).catch(() => null)) === null ? `${technology}: the device ${device} is not there` : null
}
