import { InputError } from '../../base/errors.ts'
import type { Ports } from '../../base/ports.ts'

/** A token may be slow, and a person may have to agree. */
const timeoutMs = 120_000

/**
 * A program of the user that has the token of PKCS#11 packets. It reads the packet (JSON of ocicrypt) from stdin and prints the private options, which
 * it gets by RSA-OAEP from the token. Neither packet nor options stand in its arguments or environment. It has the environment of this process, because
 * it needs its credentials.
 *
 * @returns null where it ends with 1: its token does not open the packet
 * @throws InputError `tool-missing`, `file-invalid` for a program that fails otherwise
 */
export function tokenCommand(path: string, ports: Ports): (packet: Buffer) => Promise<Buffer | null> {
  return async (packet) => {
    const env = Object.fromEntries(
      Object.entries(ports.env).flatMap(([name, value]) => (value === undefined ? [] : [[name, value]])),
    )
    const { code, stdout, stderr } = await ports.exec.run(path, [], {
      env,
      input: packet,
      timeoutMs,
      allowFailure: true,
    })
    if (code === 0) return stdout
    if (code === 1) return null
    const reason = stderr.trim().split('\n').at(-1)?.slice(0, 300) ?? ''
    throw new InputError(
      'file-invalid',
      `"${path}" ended with ${code}${reason === '' ? ' and printed no reason' : `: ${reason}`}`,
      {
        subject: 'unwrap-command',
        remedy: 'Run the program by hand; docs/encryption.md describes what it reads and prints.',
      },
    )
  }
}
