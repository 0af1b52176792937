import type { Tree } from './tree.ts'
import type { User } from './user.ts'

/** Rules of sudoers(5) and doas.conf(5) that give this user anything, each with its file. What is not understood but names the user counts. */
export async function sudoRules(tree: Tree, user: User): Promise<string[]> {
  const found: string[] = []
  const aliases = new Map<string, string[]>()
  for (const [file, line] of await sudoLines(tree, '/etc/sudoers', 0)) {
    const alias = /^User_Alias\s+(.*)$/.exec(line)?.[1]
    if (alias !== undefined) {
      for (const part of alias.split(':')) {
        const [name = '', list = ''] = part.split('=')
        aliases.set(
          name.trim(),
          list.split(',').map((item) => item.trim()),
        )
      }
      continue
    }
    if (/^(?:Defaults|Runas_Alias|Host_Alias|Cmnd_Alias|Cmd_Alias)\b/.test(line) || !line.includes('=')) continue
    const whom = line
      .slice(0, line.indexOf('='))
      .trim()
      .replace(/\s+\S+$/, '')
    const names = whom.split(',').flatMap((item) => aliases.get(item.trim()) ?? [item.trim()])
    if (names.some((name) => isUser(name, user))) found.push(`${file}: ${line}`)
  }
  const doas = (await tree.text('/etc/doas.conf')) ?? ''
  for (const line of doas.split('\n').map((text) => text.trim())) {
    if (!/^permit\b/.test(line)) continue
    const words = line.split(/\s+/).slice(1)
    if (words.some((word) => word === user.name || user.groups.some((group) => word === `:${group}`)))
      found.push(`/etc/doas.conf: ${line}`)
  }
  return found
}

function isUser(name: string, user: User): boolean {
  if (name === 'ALL' || name === user.name || name === `#${user.uid}`) return true
  return user.groups.some((group) => name === `%${group}`) || user.gids.some((gid) => name === `%#${gid}`)
}

/** Lines with continuations joined, comments dropped and included files read in place. */
async function sudoLines(tree: Tree, path: string, depth: number): Promise<[string, string][]> {
  if (depth > 8) return []
  const text = ((await tree.text(path)) ?? '').replace(/\\\n/g, ' ')
  const lines: [string, string][] = []
  for (const raw of text.split('\n')) {
    const line = raw.trim()
    const [, kind, target] = /^[@#](include|includedir)\s+(\S+)$/.exec(line) ?? []
    if (kind === 'include' && target !== undefined) lines.push(...(await sudoLines(tree, target, depth + 1)))
    else if (kind === 'includedir' && target !== undefined) {
      // As sudo does: names with a dot or a tilde at the end are skipped.
      for (const name of (await tree.list(target)).filter((item) => !item.includes('.') && !item.endsWith('~')))
        lines.push(...(await sudoLines(tree, `${target}/${name}`, depth + 1)))
    } else if (line !== '' && !/^#(?!\d)/.test(line)) lines.push([path, line])
  }
  return lines
}
