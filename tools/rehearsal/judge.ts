import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { TransportError } from '../../src/base/errors.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { cli } from '../demo/cli.ts'
import { compareRegisters, type Registers } from '../measured-boot/predict.ts'

export interface Judged {
  verdict: Verdict
  /** Ids of the checks that failed. */
  failed: string[]
  exitCode: number
}

export interface Question {
  /** Folder that the guest's outputs were unpacked into. */
  outputs: string
  policy: string
  recipient: string
  nonce: string
  /** Folder for the gate's own state. */
  state: string
}

/** Asks the gate, outside, about what a guest published. */
export async function judge(question: Question): Promise<Judged> {
  const { outputs, exitCode, error } = await cli([
    ...['verify-deploy', '--image', `oci:${join(question.outputs, 'store/app')}:latest`, '--policy', question.policy],
    ...['--decryption-key', question.recipient, '--nonce', question.nonce, '--state', question.state],
  ])
  const path = outputs['verdict-path']
  if (error !== null || path === undefined || exitCode > 1) {
    throw new TransportError(
      'tool-failed',
      `verify-deploy gave no verdict: ${error?.message ?? `exit code ${exitCode}`}`,
    )
  }
  const verdict = JSON.parse(readFileSync(path, 'utf8')) as Verdict
  return { verdict, exitCode, failed: verdict.checks.filter(({ status }) => status === 'failed').map(({ id }) => id) }
}

/** Registers that a verdict's machine does not have as predicted. */
export function differing(predicted: Registers, { verdict }: Judged): string[] {
  return compareRegisters(predicted, verdict.machine?.measured ?? {})
    .filter(({ equal }) => !equal)
    .map(({ name }) => name)
}
