import { invisible, visible } from '../base/printable.ts'

const invisibles = new RegExp(`(?:${invisible.source})+`, 'gu')
/** Longest value that a summary shows; the full one stands in the report file. */
const shown = 400

/** Text for a Markdown table cell or line: nothing in it can become markup, a link, an HTML tag or a new line. */
export function md(text: string): string {
  return clip(text)
    .replace(/[&<>"]/g, (c) => htmlEntities[c] ?? c)
    .replace(/[\\`*_{}[\]()#+\-.!|~@:/]/g, (c) => `&#${c.charCodeAt(0)};`)
    .replace(invisibles, ' ')
}

/** A value in code form; same guarantees as {@link md}. */
export function code(text: string): string {
  return text === '' ? '' : `<code>${md(text)}</code>`
}

/** The same for HTML; lines stay lines. */
export function html(text: string): string {
  return text
    .split('\n')
    .map((line) => visible(line).replace(/[&<>"']/g, (c) => htmlEntities[c] ?? c))
    .join('\n')
}

const htmlEntities: Readonly<Record<string, string>> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function clip(text: string): string {
  return text.length <= shown ? text : `${text.slice(0, shown - 1)}…`
}
