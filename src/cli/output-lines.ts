import { printable } from '../base/printable.ts'

/** Outputs as `NAME=VALUE`; a value of several lines is as many lines with its name, so that none of them can pass for another output. */
export function outputLines(outputs: Readonly<Record<string, string>>): string {
  return Object.entries(outputs)
    .flatMap(([name, value]) => value.split('\n').map((line) => `${printable(`${name}=${line}`)}\n`))
    .join('')
}
