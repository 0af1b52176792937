import { isLocalText } from '../../oci/reference.ts'
import { TransportError } from '../../base/errors.ts'
import { printable } from '../../base/printable.ts'
import type { ExecResult, Ports } from '../../base/ports.ts'
import { fails, type Finding, type ImageFacts } from '../types.ts'

/** What a reader of registries needs of our environment: credentials, authorities and proxies, no token of the job. */
const inherited =
  /^(?:PATH|HOME|TMPDIR|LANG|XDG_RUNTIME_DIR|DOCKER_CONFIG|REGISTRY_AUTH_FILE|SSL_CERT_(?:FILE|DIR)|https?_proxy|no_proxy)$/i

/** Until a program that hangs is ended. */
const longestMs = 120_000
/** Exit code of coreutils' timeout. */
const endedByTimeout = 124

/** Runs a program that may fail, with an environment of its own. @throws TransportError `timeout` */
export async function runProgram(
  path: string,
  args: readonly string[],
  ports: Ports,
  more: Readonly<Record<string, string>> = {},
): Promise<ExecResult> {
  const env: Record<string, string> = {}
  for (const [name, value] of Object.entries(ports.env))
    if (value !== undefined && inherited.test(name)) env[name] = value
  const result = await ports.exec.run(path, args, {
    env: { ...env, ...more },
    allowFailure: true,
    timeoutMs: longestMs,
  })
  if (result.code !== endedByTimeout) return result
  // That it hangs says nothing about the image.
  throw new TransportError('timeout', `${path} did not end within ${longestMs / 1000} s`, {
    subject: path,
    remedy: 'Try again, or leave programs out with --models.',
  })
}

/** The reference as programs take it: `host/name@digest`; null for a layout, and for a name under which it does not lie. */
export function pulledReference({ reference, name }: ImageFacts): string | null {
  if (isLocalText(reference)) return null
  return name !== null && reference.startsWith(`${name}@`) ? reference : null
}

/** Exit code 0, or the program's own last words. */
export function exitFinding({ code, stderr, stdout }: ExecResult): Finding[] {
  if (code === 0) return []
  const lines = `${stdout.toString('utf8')}\n${stderr}`.split('\n').map((line) => line.trim())
  const said = lines.filter((line) => line !== '' && !/^(?:warning|usage):?/i.test(line)).at(-1) ?? `exit code ${code}`
  return [fails('program', `it says: ${printable(said).slice(0, 400)}`)]
}

/** The first release in a program's words, such as `3.1.3`; null where it names none. */
export function versionIn(text: string): string | null {
  return /(?:^|[^0-9.a-z])v?([0-9]+\.[0-9]+(?:\.[0-9]+)?)/.exec(text)?.[1] ?? null
}
