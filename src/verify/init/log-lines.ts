import { pinnedLogOf } from '../policy/log-schema.ts'

/** A private log that a policy is to pin. */
export interface GivenLog {
  /** Verifier key, `NAME+HASH+BASE64`. */
  key: string
  /** Verifier keys of witnesses. */
  witnesses: readonly string[]
  /** Whether the cosignatures of the witnesses count as trusted time. */
  timed?: boolean | undefined
}

/**
 * Section `log` of a policy that pins the log that was given; none where none was. What an image carries is never pinned unseen: whoever made the
 * image chose its log.
 *
 * @throws InputError `file-invalid`, `input-invalid` for a key that is not one
 */
export function logLines(given: GivenLog | undefined): string[] {
  if (given === undefined) return []
  const { key, witnesses } = given
  pinnedLogOf({ key, ...(witnesses.length === 0 ? {} : { witnesses: [...witnesses] }) })
  // A JSON string is a YAML string: no key can add a line.
  return [
    'log:',
    `  key: ${JSON.stringify(key)}`,
    ...(witnesses.length === 0 ? [] : ['  witnesses:', ...witnesses.map((one) => `    - ${JSON.stringify(one)}`)]),
  ]
}
