import type { Answer, Question } from '../types.ts'
import { runOnce } from './process.ts'

/** `check` of go-sev-guest: one process a question, no network, its embedded roots unless others are named. */
export async function askGoSevGuest(program: string, question: Extract<Question, { kind: 'snp' }>): Promise<Answer> {
  const { report, table, product, reportData, vmpl, roots } = question
  const args = [
    ...['-in', '-', '-network=false', '-product_name', product, '-report_data', reportData.toString('hex')],
    // No debug, no migration agent, SMT as wanted: what our defaults ask for. Its own default refuses firmware that runs ahead.
    ...['-guest_policy', '0x30000', '-provisional=true', '-vmpl', String(vmpl)],
    ...['-minimum_tcb', '0', '-minimum_launch_tcb', '0', '-min_version', '0.0', '-min_build', '0'],
    ...(roots === null ? [] : ['-product_key_path', roots]),
  ]
  return answerOf(await runOnce(program, args, Buffer.concat([report, table])))
}

/** `check` of go-tdx-guest. Without a network it has no collateral: signatures, chain and quoting enclave's binding are what it checks. */
export async function askGoTdxGuest(program: string, question: Extract<Question, { kind: 'tdx' }>): Promise<Answer> {
  const { quote, reportData, roots } = question
  const args = [
    ...['-in', '-', '-report_data', reportData.toString('hex')],
    ...(roots === null ? [] : ['-trusted_roots', roots]),
  ]
  return answerOf(await runOnce(program, args, quote))
}

function answerOf({ code, stderr }: { code: number | null; stderr: string }): Answer {
  if (code === 0) return { verdict: 'accepted', detail: 'exit 0' }
  const crashed = code === null || /^(panic:|goroutine \d+|fatal error:)/m.test(stderr)
  return { verdict: crashed ? 'crashed' : 'refused', detail: stderr.trim().split('\n')[0] ?? '' }
}
