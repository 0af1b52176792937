declare module 'spdx-expression-parse' {
  /** Throws when the text is no valid SPDX licence expression. */
  export default function parse(text: string): object
}
