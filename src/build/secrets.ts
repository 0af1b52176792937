import type { Log } from '../base/ports.ts'

/** Stands in the record in place of a value that must not. */
export const withheld = '(withheld)'

const suspicious =
  /(^|_)(token|secret|passwd|password|passphrase|credentials?|api_?key|private_?key|access_?key|auth)(_|$)/i
/** Well-known forms of tokens and keys, whatever the name. */
const shapes =
  /^(gh[opsru]_\w{20,}|github_pat_\w{20,}|npm_\w{30,}|AKIA[0-9A-Z]{16}|eyJ[\w-]{10,}\.[\w-]+\.[\w-]*)$|-----BEGIN [A-Z ]*PRIVATE KEY-----/

/**
 * Build arguments as the record may show them. An argument is no place for a secret (it can end up in the image): one that looks like
 * it is told, masked and withheld. References to OCI layouts lose their folder, which belongs to this machine.
 */
export function recordedArgs(args: Readonly<Record<string, string>>, log: Log): Record<string, string> {
  const shown: Record<string, string> = {}
  for (const [name, value] of Object.entries(args)) {
    if (suspicious.test(name) || shapes.test(value)) {
      if (value !== '') log.mask(value)
      log.warn(
        `build argument ${name} looks like a secret: it is not recorded, but it may end up in the image. Use prepare or a mount.`,
      )
      shown[name] = withheld
    } else {
      shown[name] = value.replace(/^oci:(?:[^:@]*\/)?([^/:@]+)/, 'oci:$1')
    }
  }
  return shown
}
