import type { Log } from '../base/ports.ts'

/** Says nothing: for callers that only want a result. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  progress: () => {},
  group: (_title, fn) => fn(),
  mask: () => {},
}

/** Lines on stderr, so that stdout stays free for `--json`. Progress replaces itself on a terminal and is throttled elsewhere. */
export function stderrLog(options: { verbose: boolean; progressEveryMs: number; stream?: NodeJS.WriteStream }): Log {
  const stream = options.stream ?? process.stderr
  const secrets = new Set<string>()
  let lastProgress = 0
  let open = false
  const write = (line: string): void => {
    let shown = line
    for (const secret of secrets) shown = shown.replaceAll(secret, '***')
    if (open) stream.write('\r\x1b[K')
    open = false
    stream.write(`${shown}\n`)
  }
  return {
    debug: (m) => {
      if (options.verbose) write(m)
    },
    info: write,
    warn: (m) => write(`warning: ${m}`),
    progress: (m) => {
      const now = performance.now()
      if (now - lastProgress < options.progressEveryMs) return
      lastProgress = now
      if (stream.isTTY) {
        stream.write(`\r\x1b[K${m}`)
        open = true
      } else {
        write(m)
      }
    },
    group: (title, fn) => {
      write(title)
      return fn()
    },
    // A short value would shred every line it occurs in by chance.
    mask: (secret) => {
      if (secret.length >= 6)
        for (const line of [secret, ...secret.split('\n')]) if (line.length >= 6) secrets.add(line)
    },
  }
}
