import type { Branch, Tree } from '../../tasks/graph/tree.ts'
import { html } from '../escape.ts'
import { nodeLine } from './words.ts'

const style = `body{font:15px/1.5 system-ui,sans-serif;max-width:80rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
ul{list-style:none;margin:0;padding-left:1.6rem;border-left:2px solid #d0d7de}main>ul{border:0;padding:0}li{margin:.5rem 0}
li>div{border:1px solid #d0d7de;border-left:.4rem solid #0969da;border-radius:.4rem;padding:.3rem .8rem}
li.referrer>div{border-left-color:#1a7f37}li.tagged>div{border-left-color:#8250df}
code{font:13px ui-monospace,monospace;overflow-wrap:anywhere}.note{color:#9a6700}small{color:#57606a}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}ul,li>div{border-color:#30363d}}`

/** A self-contained page with the tree as nested boxes: no script, nothing loaded, every value escaped. */
export function treeHtml({ store, root, manifests, gaps }: Tree): string {
  const missing = gaps.map(
    ({ manifest, parent, error }) =>
      `<p class="note"><code>${html(parent)}</code> names <code>${html(manifest)}</code>, which cannot be read: ${html(error.message)}</p>`,
  )
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Sealwright: ${html(store)}</title><style>${style}</style></head><body><h1>${html(store)}</h1>
<p>${manifests} manifests, none of them verified.</p>
<main><ul>${box(root)}</ul></main>
${missing.join('\n')}
</body></html>
`
}

function box(branch: Branch): string {
  const { title, digest, details, notes } = nodeLine(branch)
  const parts = [
    `<strong>${html(title)}</strong><br><code>${html(digest)}</code>`,
    ...(details.length === 0 ? [] : [`<br><small>${html(details.join(', '))}</small>`]),
    ...notes.map((note) => `<br><span class="note">${html(note)}</span>`),
  ]
  const below = branch.branches.length === 0 ? '' : `<ul>${branch.branches.map(box).join('')}</ul>`
  return `<li class="${branch.node.relation}"><div>${parts.join('')}</div>${below}</li>\n`
}
