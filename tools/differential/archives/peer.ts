import { execFileSync, spawn, type ChildProcessWithoutNullStreams } from 'node:child_process'
import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { createInterface, type Interface } from 'node:readline'

/** Builds the Go program of this folder. @throws Error where there is no Go */
export function buildPeer(folder: string): { program: string; version: string } {
  const go = existsSync('/usr/local/go/bin/go') ? '/usr/local/go/bin/go' : 'go'
  const program = join(folder, 'archive-peer')
  const cwd = join(import.meta.dirname, 'peer')
  execFileSync(go, ['build', '-trimpath', '-o', program, '.'], { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  const version = execFileSync(go, ['env', 'GOVERSION'], { cwd, encoding: 'utf8' }).trim()
  return { program, version }
}

/** Go's archive/tar, asked over a pipe. Answers are lines of JSON, in the order of the questions. */
export class TarPeer {
  private readonly child: ChildProcessWithoutNullStreams
  private readonly lines: AsyncIterator<string>
  private readonly reader: Interface

  constructor(program: string) {
    this.child = spawn(program, ['tar'])
    this.child.stderr.pipe(process.stderr)
    this.reader = createInterface({ input: this.child.stdout, crlfDelay: Infinity })
    this.lines = this.reader[Symbol.asyncIterator]()
  }

  /** Sends a batch and waits for all answers. */
  async ask(archives: readonly Buffer[]): Promise<string[]> {
    for (const archive of archives) {
      const length = Buffer.alloc(4)
      length.writeUInt32BE(archive.length)
      this.child.stdin.write(length)
      this.child.stdin.write(archive)
    }
    const answers: string[] = []
    while (answers.length < archives.length) {
      const next = await this.lines.next()
      if (next.done === true) throw new Error('the Go program ended before it had answered')
      answers.push(next.value)
    }
    return answers
  }

  close(): void {
    this.child.stdin.end()
    this.reader.close()
  }
}

/** What lies below a folder. */
export function walkFolder(program: string, folder: string): unknown {
  return JSON.parse(execFileSync(program, ['walk', folder], { maxBuffer: 1 << 28 }).toString())
}
