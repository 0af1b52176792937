import type { ActionReport } from './types.ts'
import { html } from './escape.ts'

export interface ReportPage {
  name: string
  report: ActionReport
  hosts: readonly string[]
}

const style = `body{font:15px/1.5 system-ui,sans-serif;max-width:70rem;margin:2rem auto;padding:0 1rem;color:#1b1f24;background:#fff}
section{border:1px solid #d0d7de;border-left:.4rem solid #888;border-radius:.4rem;padding:.5rem 1.2rem;margin:1.2rem 0}
section.passed{border-left-color:#1a7f37}section.refused{border-left-color:#cf222e}section.warning{border-left-color:#9a6700}
h2{font-size:1.15rem;margin:.4rem 0}code,pre{font:13px/1.45 ui-monospace,monospace;background:#f6f8fa;border-radius:.3rem}
code{padding:.1rem .3rem;overflow-wrap:anywhere}pre{padding:.7rem;overflow:auto}table{border-collapse:collapse;width:100%;margin:.5rem 0}
td,th{border:1px solid #d0d7de;padding:.25rem .6rem;text-align:left;vertical-align:top;overflow-wrap:anywhere}td{min-width:9ch}td:first-child{min-width:20ch}th{background:#f6f8fa}
summary{cursor:pointer;font-weight:600;margin:.4rem 0}.exception{color:#9a6700}small{color:#57606a}
@media(prefers-color-scheme:dark){body{background:#0d1117;color:#e6edf3}code,pre,th{background:#161b22}td,th,section{border-color:#30363d}}`

/** One self-contained page: no script, no font, no image, nothing loaded; every value escaped. */
export function renderHtml(pages: readonly ReportPage[]): string {
  const title = pages.map((page) => page.name).join(', ')
  return `<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; style-src 'unsafe-inline'">
<title>Sealwright: ${html(title)}</title><style>${style}</style></head><body>
<h1>Sealwright</h1>
${pages.map(section).join('\n')}
</body></html>
`
}

function section({ name, report, hosts }: ReportPage): string {
  const parts = [`<h2>${html(name)}: ${html(report.headline)}</h2>`]
  if (report.subject !== null)
    parts.push(`<p><code>${html(`${report.subject.name}@${report.subject.digest}`)}</code></p>`)
  if (report.facts.length > 0) {
    parts.push(
      table(
        null,
        report.facts.map(([k, v]) => [html(k), `<code>${html(v)}</code>`]),
      ),
    )
  }
  for (const exception of report.exceptions) parts.push(`<p class="exception">Exception: ${html(exception)}</p>`)
  for (const note of report.notes) parts.push(`<p>${html(note)}</p>`)
  for (const t of report.tables)
    parts.push(
      folded(
        t.title,
        table(
          t.header,
          t.rows.map((row) => row.map(html)),
        ),
      ),
    )
  for (const c of report.commands) parts.push(folded(c.title, `<pre>${html(c.lines.join('\n'))}</pre>`))
  parts.push(`<small>Hosts contacted: ${hosts.length === 0 ? 'none' : html(hosts.join(', '))}</small>`)
  return `<section class="${report.status}">${parts.join('\n')}</section>`
}

function table(header: readonly string[] | null, rows: readonly string[][]): string {
  const head = header === null ? '' : `<tr>${header.map((h) => `<th>${html(h)}</th>`).join('')}</tr>`
  return `<table>${head}${rows.map((row) => `<tr>${row.map((c) => `<td>${c}</td>`).join('')}</tr>`).join('')}</table>`
}

function folded(title: string, body: string): string {
  return `<details open><summary>${html(title)}</summary>${body}</details>`
}
