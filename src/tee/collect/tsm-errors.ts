import { TransportError } from '../../base/errors.ts'

/** What the reader can do, by the error that Linux's report driver gives (tee.md §1.1). */
const remedies: Readonly<Record<string, string>> = {
  EACCES: 'Run the agent as root, or give its group the right to /sys/kernel/config/tsm/report.',
  EPERM: 'The kernel has no TSM support here: check that this is a confidential VM.',
  ENOENT:
    'Mount configfs and load the guest driver: CONFIG_TSM_REPORTS with CONFIG_SEV_GUEST or CONFIG_TDX_GUEST_DRIVER.',
  ENXIO: 'No TEE driver is bound: load sev-guest or tdx_guest.',
  EINVAL: 'The firmware refused what was asked: is the privilege level one that this guest may ask for?',
  EBUSY: 'Another request is in flight: try again.',
  EINTR: 'A signal ended the wait for the host: try again.',
  EIO: 'The host gave no report: ask its operator whether the quote service runs.',
  EFBIG: 'The quote is larger than this kernel’s buffer: use a newer kernel.',
  ETIMEDOUT:
    'The host gave no answer within the kernel’s 30 s: ask its operator whether the quote service runs, then try again.',
  ENOTTY: 'The driver wiped its key to the firmware after an error: reboot this VM.',
}

/** Errors that another attempt can cure. */
const passing: ReadonlySet<string> = new Set(['EBUSY', 'EINTR'])

/** Whether to try again: the driver was busy, or a signal came. */
export function isPassing(cause: unknown): boolean {
  return passing.has(codeOf(cause))
}

/** Why a request to configfs-tsm failed, with the way out. @param what the step, as a noun */
export function tsmFailure(cause: unknown, what: string): TransportError {
  const code = codeOf(cause)
  return new TransportError('tool-failed', `the TEE's ${what} request failed (${code === '' ? String(cause) : code})`, {
    subject: 'configfs-tsm',
    cause,
    remedy: remedies[code] ?? 'Look into the kernel log of this machine.',
  })
}

/** The system's word for an error, as `EBUSY`; empty for what is no error of the system. */
export function codeOf(cause: unknown): string {
  return (cause as NodeJS.ErrnoException | null)?.code ?? ''
}
