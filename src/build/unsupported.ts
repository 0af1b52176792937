import { InputError } from '../base/errors.ts'

/** Refusal of what the embedded driver cannot do, naming the line and who can. */
export function unsupported(file: string, line: number, what: string): InputError {
  return new InputError('unsupported', `line ${line} of ${file}: the embedded builder does not support ${what}`, {
    subject: `${file}:${line}`,
    remedy: 'Use `builder: buildah` or `builder: docker`, or do this work in the prepare command.',
  })
}
