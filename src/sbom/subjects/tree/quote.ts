/** A path for messages: bytes without a UTF-8 reading as `\xff`, control characters escaped, long ones cut. */
export function quoteName(path: string): string {
  const text = path.replace(/\0([0-9a-f]{2})/g, String.raw`\x$1`)
  return text.length <= 200 ? text : `${text.slice(0, 200)}…`
}
