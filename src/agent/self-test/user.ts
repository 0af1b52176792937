import { dirname, resolve } from 'node:path'
import { InputError } from '../../base/errors.ts'
import type { Entry, Tree } from './tree.ts'

/** An account with all its groups, from passwd(5) and group(5). */
export interface User {
  name: string
  uid: number
  gids: number[]
  groups: string[]
  home: string
}

/** @throws InputError `not-found` */
export async function findUser(tree: Tree, name: string): Promise<User> {
  const rows = async (path: string): Promise<string[][]> =>
    ((await tree.text(path)) ?? '').split('\n').map((line) => line.split(':'))
  const row = (await rows('/etc/passwd')).find(([account]) => account === name)
  if (row === undefined) {
    throw new InputError('not-found', `there is no user ${name} in /etc/passwd of this machine`, {
      subject: 'job-user',
      remedy:
        'Name by --job-user what the runner, and so every job, runs as; with --root, the folder of a whole machine.',
    })
  }
  const primary = Number(row[3])
  const groups = (await rows('/etc/group')).filter(
    ([, , gid, members]) => Number(gid) === primary || (members ?? '').split(',').includes(name),
  )
  return {
    name,
    uid: Number(row[2]),
    gids: [...new Set([primary, ...groups.map(([, , gid]) => Number(gid))])],
    groups: groups.map(([group]) => group ?? ''),
    home: row[5] ?? '/',
  }
}

const bits = { read: 4, write: 2, search: 1 } as const
export type Right = keyof typeof bits

/** What the permission bits give (access control lists are not seen). */
function permits({ uid, gid, mode }: Entry, user: User, right: Right): boolean {
  if (user.uid === 0) return true
  const shift = uid === user.uid ? 6 : user.gids.includes(gid) ? 3 : 0
  return ((mode >> shift) & bits[right]) !== 0
}

/** Whether a user can use a path in this way, every folder above it counted, links followed. Null where it is not there. */
export async function can(tree: Tree, path: string, user: User, right: Right, hops = 0): Promise<boolean | null> {
  const entry = await tree.entry(path)
  if (entry === null) return null
  if (entry.type === 'link') {
    const target = await tree.link(path)
    return target === null || hops > 8 ? null : can(tree, resolve(dirname(path), target), user, right, hops + 1)
  }
  for (const folder of ancestors(path)) {
    const above = await tree.entry(folder)
    if (above !== null && above.type !== 'link' && !permits(above, user, 'search')) return false
  }
  return permits(entry, user, right)
}

/**
 * Whether somebody other than root and the named owners can change a path: by itself, or by a folder above it. A sticky folder keeps others'
 * entries.
 *
 * @returns what can be changed by whom, or null
 */
export async function changeable(tree: Tree, path: string, owners: readonly number[]): Promise<string | null> {
  for (const place of [path, ...ancestors(path)]) {
    const entry = await tree.entry(place)
    if (entry === null) return `${place} is not there`
    if (entry.type === 'link') continue
    if (entry.uid !== 0 && !owners.includes(entry.uid)) return `${place} belongs to user ${entry.uid}`
    if (place === path && entry.type === 'socket') continue
    const sticky = entry.type === 'directory' && (entry.mode & 0o1000) !== 0
    if ((entry.mode & 0o022) !== 0 && !sticky)
      return `${place} can be written by others (mode ${entry.mode.toString(8)})`
  }
  return null
}

function ancestors(path: string): string[] {
  const found: string[] = []
  for (let folder = dirname(path); ; folder = dirname(folder)) {
    found.push(folder)
    if (folder === dirname(folder)) return found
  }
}
