/** Longest value that a summary shows; the full one stands in the report file. */
const shown = 400

/** Text for a Markdown table cell or line: nothing in it can become markup, a link, an HTML tag or a new line. */
export function md(text: string): string {
  return clip(text)
    .replace(/[&<>"]/g, (c) => htmlEntities[c] ?? c)
    .replace(/[\\`*_{}[\]()#+\-.!|~@:/]/g, (c) => `&#${c.charCodeAt(0)};`)
    .replace(/[\u0000-\u001f\u007f\u200b-\u200f\u2028-\u202e\u2066-\u2069]+/g, ' ')
}

/** A value in code form; same guarantees as {@link md}. */
export function code(text: string): string {
  return text === '' ? '' : `<code>${md(text)}</code>`
}

export function html(text: string): string {
  return text.replace(/[&<>"']/g, (c) => htmlEntities[c] ?? c)
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
