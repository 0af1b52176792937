import { access, constants, stat } from 'node:fs/promises'
import { dirname, join } from 'node:path'
import type { Ports } from '../../base/ports.ts'

/** The two users of configfs-tsm: the device that tells them apart without asking for a report, and what a kernel needs for it. */
const drivers = {
  sev_guest: { device: 'sev-guest', option: 'CONFIG_SEV_GUEST', module: 'sev-guest' },
  tdx_guest: { device: 'tdx_guest', option: 'CONFIG_TDX_GUEST_DRIVER', module: 'tdx_guest' },
} as const
export type Provider = keyof typeof drivers

/** What is missing for a technology behind configfs-tsm, in one sentence that names the device, kernel option or right; null when nothing is. */
export async function providerMissing(technology: string, provider: Provider, ports: Ports): Promise<string | null> {
  const { option, module } = drivers[provider]
  const device = devicePath(provider, ports)
  const reports = join(ports.roots.tsm, 'report')
  if (!(await isFolder(reports))) {
    const configfs = dirname(ports.roots.tsm)
    if (!(await isFolder(configfs)))
      return `${technology}: configfs is not mounted at ${configfs} (CONFIG_CONFIGFS_FS), and ${reports} needs it and Linux 6.7 or newer in a confidential VM`
    return `${technology}: ${reports} is not there; it needs Linux 6.7 or newer in a confidential VM, with CONFIG_TSM_REPORTS and ${option}, and the module ${module} loaded`
  }
  if ((await stat(device).catch(() => null)) === null)
    return `${technology}: the device ${device} is not there; it needs ${option} and the module ${module} in a confidential VM of this kind`
  const writable = await access(reports, constants.W_OK | constants.X_OK).then(
    () => true,
    () => false,
  )
  if (!writable)
    return `${technology}: this user may not write to ${reports}: run the agent as root or in the group that owns it`
  return null
}

/** Path of the guest driver's character device. */
export function devicePath(provider: Provider, ports: Ports): string {
  return join(ports.roots.dev, drivers[provider].device)
}

async function isFolder(path: string): Promise<boolean> {
  return (await stat(path).catch(() => null))?.isDirectory() === true
}
