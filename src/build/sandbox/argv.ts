import { dirname } from 'node:path/posix'
import { within } from './path.ts'
import { first, front, layout } from './script.ts'
import type { HostView, Order, SandboxNetwork } from './types.ts'
import { inside } from './types.ts'

/** Files that the sandbox gets in place of the machine's own, by name in the private folder. */
export const etcFiles: Readonly<Record<string, string>> = {
  passwd: [
    'root:x:0:0:root:/build/home:/bin/sh',
    'build:x:1000:1000:build:/build/home:/bin/sh',
    'nobody:x:65534:65534:nobody:/:/usr/sbin/nologin\n',
  ].join('\n'),
  group: 'root:x:0:\nbuild:x:1000:\nnogroup:x:65534:\n',
  hosts: '127.0.0.1 localhost sandbox\n::1 localhost\n',
  'nsswitch.conf': 'passwd: files\ngroup: files\nhosts: files dns\nservices: files\nprotocols: files\n',
}

/** slirp4netns's own name server, which passes questions on to the machine's. */
export const resolver = 'nameserver 10.0.2.3\n'

/** Shell text that exports an environment. Values stay out of arguments, which everyone on the machine can read. */
export function environmentFile(env: Readonly<Record<string, string>>): string {
  return Object.entries(env)
    .filter(([name]) => /^[A-Za-z_][A-Za-z0-9_]*$/.test(name))
    .map(([name, value]) => `export ${name}='${value.replaceAll("'", String.raw`'\''`)}'\n`)
    .join('')
}

/**
 * Arguments for `sh` that start one sandboxed process. What is not named here is not there: the root is an empty tmpfs.
 *
 * @param folder private folder of this call, with {@link etcFiles}, `resolv.conf` and `env` in it
 */
export function sandboxArgv(order: Order, network: SandboxNetwork, view: HostView, folder: string): string[] {
  const owner = order.as === 'user' ? '1001' : '1'
  const staged: string[] = []
  const stage = (from: string, own = '-'): string => {
    staged.push(own, from)
    return `${view.stage}/${staged.length / 2 - 1}`
  }
  const mounts: string[] = []
  const parents = new Set<string>()
  const mount = (kind: '--ro-bind' | '--bind', from: string, at: string): void => {
    for (const folder of above(at)) parents.add(folder)
    mounts.push(kind, from, at)
  }
  for (const { name, link } of view.roots) {
    if (link === null) mounts.push('--ro-bind', `/${name}`, `/${name}`)
    else mounts.push('--symlink', link, `/${name}`)
  }
  for (const path of view.etc) mount('--ro-bind', path, path)
  for (const name of [...Object.keys(etcFiles), 'resolv.conf'])
    mount('--ro-bind', stage(`${folder}/etc/${name}`), `/etc/${name}`)
  mount('--ro-bind', stage(`${folder}/env`), inside.env)
  for (const { from, at, as } of order.shared) {
    const own = as === 'own' ? owner : as === 'keep' ? `${owner}+keep` : '-'
    mount(as === 'read' ? '--ro-bind' : '--bind', stage(from, own), at)
  }
  // Parents first: bubblewrap gives folders that it makes on its own a mode that id 1000 cannot pass. What lies in a mount comes after it.
  mounts.push(
    ...made(view.tools.flatMap(above).filter((path) => order.shared.some(({ at }) => within(path, at) && path !== at))),
  )
  for (const path of view.tools) mount('--ro-bind', stage(path), path)
  const folders = made([...parents])
  const bubblewrap = [
    ...['bwrap', '--die-with-parent', '--as-pid-1', '--new-session', '--hostname', 'sandbox'],
    ...['--unshare-pid', '--unshare-ipc', '--unshare-uts', '--unshare-cgroup-try'],
    ...(network === 'none' ? ['--unshare-net'] : []),
    // Without more than this nothing inside could become id 1000 and give up the rest.
    ...(order.as === 'user' ? ['--cap-drop', 'ALL', ...caps('SETUID', 'SETGID', 'SETPCAP')] : []),
    ...['--ro-bind', '/usr', '/usr'],
    ...['--proc', '/proc', '--dev', '/dev', '--tmpfs', '/run', '--tmpfs', '/sys', '--remount-ro', '/sys'],
    ...folders,
    ...mounts,
    ...['--remount-ro', '/', '--chdir', '/', '--'],
    ...['/bin/sh', '-c', first, 'sh', order.umask, order.as, order.cwd, ...order.command],
  ]
  return ['-c', front, 'sh', layout, folder, network, view.stage, ...staged, '--', ...bubblewrap]
}

/** Folders that a path lies in, without the root. */
function above(path: string): string[] {
  const folder = dirname(path)
  return folder === '/' ? [] : [...above(folder), folder]
}

function made(folders: readonly string[]): string[] {
  return [...new Set(folders)].sort().flatMap((path) => ['--perms', '0755', '--dir', path])
}

function caps(...names: string[]): string[] {
  return names.flatMap((name) => ['--cap-add', `CAP_${name}`])
}
