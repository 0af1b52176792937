/** An argument of a printed command, quoted for a POSIX shell where needed. */
export function quote(text: string): string {
  return /^[A-Za-z0-9_./:@=+-]+$/.test(text) ? text : `'${text.replaceAll("'", `'\\''`)}'`
}
