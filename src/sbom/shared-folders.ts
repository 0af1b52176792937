/** Folders of hier(7) and of the services that every distribution has: many packages put files into them, and none owns one whole. */
const names: ReadonlySet<string> = new Set(
  (
    'bin boot cache cron.d cron.daily dev etc games home include init.d lib lib32 lib64 libexec libx32 local log media mnt ' +
    'modules-load.d opt proc profile.d root run sbin share spool srv sys sysctl.d system systemd tmp user usr var www'
  ).split(' '),
)
/** Debian's folders for one architecture: `x86_64-linux-gnu`. */
const triple = /^[a-z0-9_]+-linux-(?:gnu|musl)[a-z0-9]*$/

/** Whether a folder belongs to the whole system: the root, and `usr/local/bin`. No slash at either end. */
export function isShared(folder: string): boolean {
  return folder.split('/').every((part) => part === '' || part === '.' || names.has(part) || triple.test(part))
}
