/**
 * What moves the cursor, changes the direction or shows nothing: control, format, separator and default-ignorable characters. Ignorable ones
 * matter twice: the workflow runner compares texts by culture, where `#`, a soft hyphen and `#[` are the same as `##[`.
 */
export const invisible = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/gu

/** The older form of a workflow command is looked for anywhere in a line (actions/runner, ActionCommand.cs `TryParse`), marks between are skipped. */
const olderCommand = /#(?=[\p{M}\p{C}]*#[\p{M}\p{C}]*\[)/gu
/** The newer one at the start of a line, after blanks (`TryParseV2`). */
const newerCommand = /^([\p{Z}\p{M}\p{C}]*):(?=[\p{M}\p{C}]*:)/u

/** Foreign text must not move the cursor of who reads it: control, direction and invisible characters in the form `\\u001b`. */
export function visible(text: string): string {
  return text.replace(invisible, escaped)
}

/**
 * Foreign text as one line that is nothing but text: as {@link visible}, and no workflow command, neither `::name::` nor `##[name]`. The escapes
 * are those of JSON, so that a line of JSON that went through here still says the same.
 */
export function printable(text: string): string {
  return visible(text).replace(olderCommand, escaped).replace(newerCommand, '$1\\u003a')
}

/** The same for a message of ours that quotes foreign text: its lines stay lines, tabs become blanks. */
export function printableLines(text: string): string {
  return text
    .split(/\r?\n/)
    .map((line) => printable(line.replaceAll('\t', '    ')))
    .join('\n')
}

/** One JSON document on one line, for an output that a workflow runner may read too. */
export function jsonLine(value: unknown): string {
  return `${printable(JSON.stringify(value))}\n`
}

function escaped(text: string): string {
  return Array.from({ length: text.length }, (_, i) => `\\u${text.charCodeAt(i).toString(16).padStart(4, '0')}`).join(
    '',
  )
}
