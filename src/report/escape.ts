import { invisible, visible } from '../base/printable.ts'

const invisibles = new RegExp(`(?:${invisible.source})+`, 'gu')
/** Longest value that a summary shows; the full one stands in the report file. */
const shown = 400

/**
 * What Markdown, HTML or GitHub act on in running text, and nothing else, so that a summary can also be read as a file: emphasis, code, links, table
 * bars, strikethrough, math, headings and references (`#1`, `GH-1`), mentions, addresses that become links, emoji names, and what begins a list or
 * an underlined heading. A `_` inside of a word and the colons of `sha256:…` and 12:34:56 do nothing.
 */
const active =
  /[&<>\\`*[\]|~#@$]|(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])|:(?=\/\/)|:(?=[\w+-]+:)(?!\d\d:)|(?<=\bwww)\.|(?<=\b(?:mailto|xmpp)):|(?<=\bGH)-(?=\d)|^[-+=]|(?<=^\d{1,9})[.)]/gi

/** Text for a Markdown table cell or line: nothing in it can become markup, a link, an HTML tag or a new line. */
export function md(text: string): string {
  return oneLine(text).replace(active, (c) => htmlEntities[c] ?? `&#${c.charCodeAt(0)};`)
}

/**
 * A value in code form; same guarantees as {@link md}. A code span takes all as it stands, but for its own end, table bars and escapes, and what the
 * workflow runner would act on where a summary is printed.
 */
export function code(text: string): string {
  const line = oneLine(text)
  if (line === '') return ''
  return /[`|\\<]|#\[/.test(line) ? `<code>${md(line)}</code>` : `\`${line}\``
}

function oneLine(text: string): string {
  return clip(text).replace(invisibles, ' ').trim()
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
