import { spawn } from 'node:child_process'

export interface Ended {
  code: number | null
  stderr: string
}

/** Runs a program once with bytes on its standard input. @throws Error when it cannot be started or takes longer than a minute */
export function runOnce(command: string, args: readonly string[], input: Buffer): Promise<Ended> {
  return new Promise((done, fail) => {
    const child = spawn(command, args, { stdio: ['pipe', 'ignore', 'pipe'], timeout: 60_000 })
    let stderr = ''
    child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-4000)))
    // A program that does not read to the end closes the pipe: its verdict counts, not that.
    child.stdin.on('error', () => {})
    child.once('error', fail)
    child.once('close', (code) => done({ code, stderr }))
    child.stdin.end(input)
  })
}

/** Answers in the order of the items, at most `width` at a time. */
export async function inParallel<T, R>(items: readonly T[], width: number, ask: (item: T) => Promise<R>): Promise<R[]> {
  const answers: R[] = []
  let next = 0
  const one = async (): Promise<void> => {
    while (next < items.length) {
      const index = next++
      const item = items[index]
      if (item !== undefined) answers[index] = await ask(item)
    }
  }
  await Promise.all(Array.from({ length: width }, one))
  return answers
}
