import type { ErrorRecord } from '../base/errors.ts'

/** What a door knows about the inputs of one action or command. */
export interface InputNames {
  readonly names: readonly string[]
  /** How a reader names an input: `--image`, or `the image` where it is a word without a name. */
  readonly label: (name: string) => string
}

/**
 * A text in the form in which a reader types. Tasks do not know their door, so they name inputs in backticks as a workflow does: `signer`,
 * `signer: key`. The command line shows these as `--signer` and `--signer key`. Names that are no input of this command stay as they are.
 */
export function asTyped(text: string, { names, label }: InputNames): string {
  return text.replace(/`([a-z][a-z0-9-]*)(?:: ([^`]+))?`/g, (whole, name: string, value: string | undefined) => {
    if (!names.includes(name)) return whole
    const shown = label(name)
    if (value === undefined) return shown.startsWith('--') ? `\`${shown}\`` : shown
    return shown.startsWith('--') ? `\`${shown} ${value}\`` : `${shown} \`${value}\``
  })
}

/** The same for an error, whose message may also begin with the input that it is about ("formats: …"). */
export function errorAsTyped(error: ErrorRecord, door: InputNames): ErrorRecord {
  const { subject, message, remedy } = error
  const prefix = `${subject ?? ''}: `
  const named = subject !== null && door.names.includes(subject) && message.startsWith(prefix)
  return {
    ...error,
    message: asTyped(named ? `${door.label(subject)}: ${message.slice(prefix.length)}` : message, door),
    remedy: remedy === null ? null : asTyped(remedy, door),
  }
}
