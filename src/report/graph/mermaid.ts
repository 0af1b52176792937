import type { Branch, Tree } from '../../tasks/graph/tree.ts'
import { html } from '../escape.ts'
import { nodeLine } from './words.ts'

const arrows = { root: '-->', child: '-->|contains|', referrer: '-.->|referrer|', tagged: '-.->|tag|' } as const

/** A Mermaid flowchart, as GitHub renders it in Markdown. Foreign text stands in quoted labels, escaped as HTML. */
export function treeMermaid({ root }: Tree): string {
  const lines = ['flowchart LR']
  let count = 0
  const draw = (branch: Branch, above: string | null): void => {
    const id = `n${count++}`
    const { title, digest, notes } = nodeLine(branch)
    const label = [title, digest.slice(0, 19), ...notes.map((note) => `! ${note}`)].map(inLabel).join('<br>')
    lines.push(`  ${id}["${label}"]`)
    if (above !== null) lines.push(`  ${above} ${arrows[branch.node.relation]} ${id}`)
    for (const below of branch.branches) draw(below, id)
  }
  draw(root, null)
  return `${lines.join('\n')}\n`
}

/** Mermaid takes entities in a label; a back tick or a number sign would start markup of its own. */
function inLabel(text: string): string {
  return html(text.replace(/\s+/g, ' ').slice(0, 200)).replace(/[`#](?!\d+;)/g, (c) => `#${c.charCodeAt(0)};`)
}
