import { access, constants, readFile } from 'node:fs/promises'
import { InputError } from '../../base/errors.ts'
import type { SandboxNetwork } from './types.ts'

/** Programs of the sandbox come from here alone: PATH belongs to the job. */
export const programFolders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']

const needed = ['sh', 'bwrap', 'unshare', 'setpriv', 'newuidmap', 'newgidmap', 'mount', 'chown', 'mkfifo', 'readlink']
const neededForNetwork = ['slirp4netns', 'nsenter', 'ip', 'dd', 'sleep']

/**
 * Refuses before anything is tried where programs of the sandbox are missing.
 *
 * @param folders where programs are looked for
 * @throws InputError `tool-missing`
 */
export async function requirePrograms(
  network: SandboxNetwork,
  folders: readonly string[] = programFolders,
): Promise<void> {
  const missing: string[] = []
  for (const name of network === 'none' ? needed : [...needed, ...neededForNetwork])
    if (!(await isThere(name, folders))) missing.push(name)
  if (missing.length === 0) return
  throw new InputError(
    'tool-missing',
    `prepare and RUN need a sandbox, but ${missing.join(', ')} ${missing.length === 1 ? 'is' : 'are'} not installed in ${folders.join(', ')}`,
    {
      subject: 'sandbox',
      remedy:
        'Run apt-get install bubblewrap uidmap slirp4netns util-linux iproute2 on the runner (docs/runner-admin.md), or use `builder: embedded` without `prepare`.',
    },
  )
}

async function isThere(name: string, folders: readonly string[]): Promise<boolean> {
  for (const folder of folders) {
    const found = await access(`${folder}/${name}`, constants.X_OK).then(
      () => true,
      () => false,
    )
    if (found) return true
  }
  return false
}

/** What the machine says about user namespaces and subordinate ids, for the remedy. */
export interface MachineFacts {
  uid: number
  user: string
  /** `kernel.apparmor_restrict_unprivileged_userns`, `user.max_user_namespaces`, `kernel.unprivileged_userns_clone`; null where not there. */
  apparmor: string | null
  maximum: string | null
  clone: string | null
  /** The process can gain no rights (`NoNewPrivileges` of its unit): newuidmap does not work then. */
  noNewPrivileges: boolean
  subuid: string
  subgid: string
}

export async function machineFacts(uid: number, user: string): Promise<MachineFacts> {
  const text = (path: string): Promise<string | null> =>
    readFile(path, 'utf8').then(
      (content) => content.trim(),
      () => null,
    )
  return {
    uid,
    user,
    apparmor: await text('/proc/sys/kernel/apparmor_restrict_unprivileged_userns'),
    maximum: await text('/proc/sys/user/max_user_namespaces'),
    clone: await text('/proc/sys/kernel/unprivileged_userns_clone'),
    noNewPrivileges: /^NoNewPrivs:\s*1$/m.test((await text('/proc/self/status')) ?? ''),
    subuid: (await text('/etc/subuid')) ?? '',
    subgid: (await text('/etc/subgid')) ?? '',
  }
}

/**
 * Why the sandbox did not start, and the one thing to change.
 *
 * @param said last lines of the programs
 */
export function explainProbe(facts: MachineFacts, network: SandboxNetwork, said: string): InputError {
  const { why, remedy } = reason(facts, network)
  const tail = said.trim().split('\n').slice(-3).join(' / ').slice(0, 400)
  return new InputError('unsupported', `the sandbox for prepare and RUN does not start here: ${why} (${tail})`, {
    subject: 'sandbox',
    remedy: `${remedy} Without a sandbox only \`builder: embedded\` without \`prepare\` works (docs/runner-admin.md).`,
  })
}

function reason(facts: MachineFacts, network: SandboxNetwork): { why: string; remedy: string } {
  if (facts.maximum === '0') {
    const remedy = 'Run sysctl -w user.max_user_namespaces=28633 on the runner.'
    return { why: 'user namespaces are switched off (user.max_user_namespaces is 0)', remedy }
  }
  if (facts.clone === '0' && facts.uid !== 0) {
    const remedy = 'Run sysctl -w kernel.unprivileged_userns_clone=1 on the runner.'
    return { why: 'user namespaces are for root alone (kernel.unprivileged_userns_clone is 0)', remedy }
  }
  if (!hasIds(facts.subuid, facts) || !hasIds(facts.subgid, facts)) {
    return {
      why: `/etc/subuid and /etc/subgid give "${facts.user}" fewer than 65535 subordinate ids`,
      remedy: `Run usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${facts.user} on the runner (choose a range that nobody else has).`,
    }
  }
  // util-linux 2.38 reads a name that is no number as 0, which is root: it takes the first line, and newuidmap refuses.
  const foreign = [facts.subuid, facts.subgid].find((text) => !/^(?:root|0):/.test(text))
  if (facts.uid === 0 && foreign !== undefined) {
    return {
      why: 'unshare takes the first line of /etc/subuid and /etc/subgid for root, and it belongs to another user',
      remedy: 'Move the line of root to the top of both files.',
    }
  }
  if (facts.noNewPrivileges && facts.uid !== 0) {
    return {
      why: 'this process can gain no rights (NoNewPrivileges), but newuidmap must',
      remedy: 'Remove NoNewPrivileges=yes from the unit of the workflow runner (systemctl edit), and start it again.',
    }
  }
  if (facts.apparmor === '1' && facts.uid !== 0) {
    return {
      why: 'AppArmor takes the rights from user namespaces (kernel.apparmor_restrict_unprivileged_userns is 1)',
      remedy:
        'Install the profile examples/runner/etc/apparmor.d/sealwright-sandbox and run apparmor_parser -r on it, or run sysctl -w kernel.apparmor_restrict_unprivileged_userns=0.',
    }
  }
  if (network === 'default') {
    const remedy = 'Load the module tun and make /dev/net/tun readable and writable, or use `network: none`.'
    return { why: 'namespaces or slirp4netns do not work', remedy }
  }
  const remedy = 'A job container needs --privileged; a machine needs user namespaces and an unmasked /proc.'
  return { why: 'the machine allows user namespaces, but bubblewrap fails', remedy }
}

/** One line of subuid(5) for this user, by name or number, that covers every id inside. */
export function hasIds(text: string, { uid, user }: { uid: number; user: string }): boolean {
  return text.split('\n').some((line) => {
    const [owner, , count] = line.split(':')
    return (owner === user || owner === String(uid)) && Number(count) >= 65_535
  })
}
