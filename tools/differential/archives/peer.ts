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

/** Builds the Rust program of this folder with one version of its crate, each time anew. @throws Error where there is no cargo */
export function buildGuestPeer(folder: string, version: string): string {
  const cwd = join(import.meta.dirname, 'guest-peer', `v${version}`)
  const args = ['build', '--release', '--locked', '--quiet', '--target-dir', folder]
  execFileSync('cargo', args, { cwd, stdio: ['ignore', 'inherit', 'inherit'] })
  return join(folder, 'release', `guest-peer-${version.replaceAll('.', '')}`)
}

/** A tar reader, asked over a pipe. Answers are lines of JSON, in the order of the questions. */
export class TarPeer {
  private readonly child: ChildProcessWithoutNullStreams
  private readonly lines: AsyncIterator<string>
  private readonly reader: Interface

  constructor(program: string, args: readonly string[] = ['tar']) {
    this.child = spawn(program, args)
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
      if (next.done === true) throw new Error('the program ended before it had answered')
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
