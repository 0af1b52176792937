import { mkdir, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { cli, type CliAnswer } from '../cli.ts'
import { startMachine } from '../../../testkit/machine.ts'

/** A job of one small application, with a real agent of its own. */
export interface SmallJob {
  folder: string
  state: string
  /** A command line in this job; its error is an answer. */
  ask(...args: string[]): Promise<CliAnswer>
  /** A command line that must not fail. */
  run(...args: string[]): Promise<CliAnswer>
  /** Its source. */
  context: string
  /** Options of a build, except context and rebuilds. */
  build: string[]
}

/** Starts the agent of a job, and a software TPM where the demo runs on one; both end with `use`. */
export async function withSmallJob<T>(
  folder: string,
  technology: string,
  use: (job: SmallJob) => Promise<T>,
): Promise<T> {
  const context = join(folder, 'context')
  const state = join(folder, 'state')
  await mkdir(context, { recursive: true })
  await writeFile(join(context, 'Containerfile'), 'FROM scratch\nCOPY hello.txt /hello.txt\n')
  await writeFile(join(context, 'hello.txt'), 'hello\n')
  const ask = (...args: string[]): Promise<CliAnswer> => cli([...args, '--state', state])
  const run = (...args: string[]): Promise<CliAnswer> => succeeded(ask(...args))
  const machine = technology === 'tpm' ? await startMachine() : null
  try {
    // The gate judges the machine here, by the policy below; without a token a verifier's nonce makes the reports fresh.
    const where =
      machine === null ? [] : ['--tpm-device', machine.device, '--verifier', 'none', '--nonce', 'verifier:demo']
    await run('setup-cvm-runner', '--technology', technology, ...where)
    const build = ['--builder', 'embedded', '--source-date-epoch', '0']
    return await use({ folder, state, context, ask, run, build })
  } finally {
    await ask('agent', 'stop')
    await machine?.end()
  }
}

export async function succeeded(answer: Promise<CliAnswer>): Promise<CliAnswer> {
  const { error } = await answer
  if (error !== null) throw new Error(`${error.code}: ${error.message}`)
  return answer
}
