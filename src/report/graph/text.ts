import { printable } from '../../base/printable.ts'
import type { Branch, Tree } from '../../tasks/graph/tree.ts'
import { nodeLine } from './words.ts'

/** A tree of lines for a terminal; foreign text is escaped. */
export function treeText({ store, root, manifests, gaps }: Tree): string {
  const lines: string[] = []
  const draw = (branch: Branch, first: string, rest: string): void => {
    const { title, digest, details, notes } = nodeLine(branch)
    lines.push(`${first}${printable(`${title}  ${digest}`)}`)
    const inner = `${rest}${branch.branches.length > 0 ? '│ ' : '  '}`
    if (details.length > 0) lines.push(`${inner}  ${printable(details.join(', '))}`)
    for (const note of notes) lines.push(`${inner}  ! ${printable(note)}`)
    for (const [i, below] of branch.branches.entries()) {
      const last = i === branch.branches.length - 1
      draw(below, `${rest}${last ? '└─ ' : '├─ '}`, `${rest}${last ? '   ' : '│  '}`)
    }
  }
  lines.push(printable(store))
  draw(root, '', '')
  for (const { manifest, parent, error } of gaps)
    lines.push(printable(`! ${parent} names ${manifest}, which cannot be read: ${error.message}`))
  lines.push(`${manifests} manifests, none of them verified. "verify-deploy" and "verify bundle" verify.`)
  return `${lines.join('\n')}\n`
}
