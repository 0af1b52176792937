import { spawn } from 'node:child_process'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Answer, Question } from '../types.ts'

type QvlQuestion = Extract<Question, { kind: 'qvl' }>

/** One long-lived Python process. Accepted is: verified, and UpToDate, as our default demands. */
export async function askDcapQvl(python: string, questions: readonly QvlQuestion[]): Promise<Answer[]> {
  const child = spawn(python, [join(import.meta.dirname, 'qvl_driver.py')], { stdio: ['pipe', 'pipe', 'pipe'] })
  let stderr = ''
  child.stderr.setEncoding('utf8').on('data', (text: string) => (stderr = (stderr + text).slice(-2000)))
  child.stdin.on('error', () => {})
  const ended = new Promise<number | null>((done, fail) => child.once('error', fail).once('close', done))
  for (const { quote, collateral, at, root } of questions) {
    const line = {
      quote: quote.toString('base64'),
      collateral,
      at: Math.floor(at.getTime() / 1000),
      root: root?.toString('base64') ?? null,
    }
    child.stdin.write(`${JSON.stringify(line)}\n`)
  }
  child.stdin.end()
  const answers: Answer[] = []
  for await (const line of createInterface({ input: child.stdout })) answers.push(answerOf(line))
  const code = await ended
  if (code !== 0 || answers.length !== questions.length) {
    throw new Error(`dcap-qvl answered ${answers.length} of ${questions.length} and ended with ${code}: ${stderr}`)
  }
  return answers
}

function answerOf(line: string): Answer {
  const { status, error, kind } = JSON.parse(line) as { status: string | null; error: string | null; kind?: string }
  if (status !== null) return { verdict: status === 'UpToDate' ? 'accepted' : 'refused', detail: `status ${status}` }
  return { verdict: kind === 'panic' ? 'crashed' : 'refused', detail: error?.split('\n')[0] ?? '' }
}
