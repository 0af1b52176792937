import type { Log } from '../base/ports.ts'
import { printable, printableLines } from '../base/printable.ts'

/** Says nothing: for callers that only want a result. */
export const silentLog: Log = {
  debug: () => {},
  info: () => {},
  warn: () => {},
  progress: () => {},
  group: (_title, fn) => fn(),
  mask: () => {},
}

/** Where lines go once nothing in them can act: no workflow command, no control character, no secret. */
export interface LineSink {
  debug(lines: string): void
  info(lines: string): void
  warn(lines: string): void
  /** One line. */
  progress(line: string): void
  /** One line. */
  group<T>(title: string, fn: () => Promise<T>): Promise<T>
  mask?(secret: string): void
}

/**
 * The one way of text into a log (TRUST §7): every message may quote foreign text, so that every line of it is escaped, whoever wrote it.
 * Secrets are cut out before, since an escaped one would not be found any more.
 */
export function plainLog(sink: LineSink): Log & { lines(message: string): string } {
  const secrets = new Set<string>()
  const cut = (text: string): string => {
    let shown = text
    for (const secret of secrets) shown = shown.replaceAll(secret, '***')
    return shown
  }
  const lines = (message: string): string => printableLines(cut(message))
  const line = (message: string): string => printable(cut(message))
  return {
    lines,
    debug: (m) => sink.debug(lines(m)),
    info: (m) => sink.info(lines(m)),
    warn: (m) => sink.warn(lines(m)),
    progress: (m) => sink.progress(line(m)),
    group: (title, fn) => sink.group(line(title), fn),
    // A short value would shred every line it occurs in by chance.
    mask: (secret) => {
      if (secret.length < 6) return
      for (const part of new Set([secret, ...secret.split('\n')])) {
        if (part.length < 6) continue
        secrets.add(part)
        sink.mask?.(part)
      }
    },
  }
}

/** Lines on stderr, so that stdout stays free for `--json`. Progress replaces itself on a terminal and is throttled elsewhere. */
export function stderrLog(options: { verbose: boolean; progressEveryMs: number; stream?: NodeJS.WriteStream }): Log {
  const stream = options.stream ?? process.stderr
  let lastProgress = 0
  let open = false
  const write = (lines: string): void => {
    if (open) stream.write('\r\x1b[K')
    open = false
    stream.write(`${lines}\n`)
  }
  return plainLog({
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
  })
}
