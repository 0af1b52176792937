/** Foreign text must not move the cursor of who reads it: control and direction characters in the form `\\u001b`. */
export function printable(text: string): string {
  return text.replace(
    /[\u0000-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g,
    (c) => `\\u${c.charCodeAt(0).toString(16).padStart(4, '0')}`,
  )
}

/** The same for a message of ours that quotes foreign text: its lines stay lines. */
export function printableLines(text: string): string {
  return text.split('\n').map(printable).join('\n')
}
