import { can, type User } from './user.ts'
import type { Tree } from './tree.ts'
import { check, type Machine, type SelfCheck } from './types.ts'

const folders = ['/usr/local/sbin', '/usr/local/bin', '/usr/sbin', '/usr/bin', '/sbin', '/bin']
const programs = ['bwrap', 'unshare', 'setpriv', 'newuidmap', 'newgidmap']
/** What `network: default` needs beside them. */
const networkPrograms = ['slirp4netns', 'nsenter', 'ip']

/** `prepare` and RUN get a sandbox here (TRUST §4): programs, subordinate ids and user namespaces. */
export async function sandboxChecks({ tree, jobs }: Machine): Promise<SelfCheck[]> {
  return [
    check(
      'build-sandbox',
      'sandbox-programs',
      await missing(tree, programs),
      `installed: ${programs.join(', ')}`,
      'Run apt-get install bubblewrap uidmap util-linux.',
    ),
    check(
      'build-sandbox',
      'subordinate-ids',
      [...(await idFaults(tree, jobs, '/etc/subuid')), ...(await idFaults(tree, jobs, '/etc/subgid'))],
      `${jobs.name} has at least 65535 subordinate user ids and group ids`,
      `Run usermod --add-subuids 100000-165535 --add-subgids 100000-165535 ${jobs.name} (choose a range that nobody else has).`,
    ),
    check(
      'build-sandbox',
      'user-namespaces',
      await namespaceFaults(tree, jobs),
      `${jobs.name} can create user namespaces`,
      'Set user.max_user_namespaces above 0, kernel.unprivileged_userns_clone to 1 where it exists, and on Ubuntu install examples/runner/etc/apparmor.d/sealwright-sandbox or set kernel.apparmor_restrict_unprivileged_userns to 0.',
    ),
    check(
      'build-network',
      'network-programs',
      await missing(tree, networkPrograms),
      `installed: ${networkPrograms.join(', ')}`,
      'Run apt-get install slirp4netns util-linux iproute2, if builds use network: default.',
    ),
    check(
      'build-network',
      'tun',
      (await can(tree, '/dev/net/tun', jobs, 'write')) === true ? [] : [`${jobs.name} cannot open /dev/net/tun`],
      `${jobs.name} can open /dev/net/tun`,
      'Load the module tun (modules-load.d) and keep the mode 0666 of /dev/net/tun, if builds use network: default.',
    ),
  ]
}

async function missing(tree: Tree, names: readonly string[]): Promise<string[]> {
  const faults: string[] = []
  for (const name of names) if (!(await isThere(tree, name))) faults.push(`${name} is not installed`)
  return faults
}

async function isThere(tree: Tree, name: string): Promise<boolean> {
  for (const folder of folders) if ((await tree.entry(`${folder}/${name}`)) !== null) return true
  return false
}

/** subuid(5), by name or number. One line must hold all ids. */
async function idFaults(tree: Tree, user: User, path: string): Promise<string[]> {
  const lines = ((await tree.text(path)) ?? '').split('\n').map((line) => line.split(':'))
  const enough = lines.some(
    ([owner, , count]) => (owner === user.name || owner === String(user.uid)) && Number(count) >= 65_535,
  )
  return enough ? [] : [`${path} gives ${user.name} fewer than 65535 ids`]
}

async function namespaceFaults(tree: Tree, user: User): Promise<string[]> {
  const value = async (name: string): Promise<string | undefined> => (await tree.text(`/proc/sys/${name}`))?.trim()
  const faults: string[] = []
  const maximum = await value('user/max_user_namespaces')
  if (maximum === undefined || maximum === '0') faults.push(`user.max_user_namespaces is ${maximum ?? 'not there'}`)
  if (user.uid !== 0 && (await value('kernel/unprivileged_userns_clone')) === '0')
    faults.push('kernel.unprivileged_userns_clone is 0')
  const restricted = (await value('kernel/apparmor_restrict_unprivileged_userns')) === '1'
  if (user.uid !== 0 && restricted && (await tree.entry('/etc/apparmor.d/sealwright-sandbox')) === null)
    faults.push('kernel.apparmor_restrict_unprivileged_userns is 1 and no profile allows the sandbox')
  return faults
}
