import { readFile, rm } from 'node:fs/promises'
import { door } from '../../actions/setup-cvm-runner/main.ts'
import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { InputError, VerificationError } from '../../base/errors.ts'
import { isObject, parseJson, type JsonObject } from '../../base/json.ts'
import { exportVariable } from '../../runner/commands.ts'
import { agentStop } from '../agent-stop.ts'

interface HookResult {
  outputs: JsonObject
  text: string
}

/**
 * The runner's job-started hook: attests before the first step of the job, ties the evidence to this run and attempt, and tells the job's steps
 * where it is. Whatever fails here fails the job: the runner takes any other exit code than 0 so.
 *
 * @throws VerificationError `denied` for a boot that ran a job before, `token-invalid` for another run's token; whatever setup-cvm-runner throws
 */
export async function jobStarted(inputs: RawInputs, context: ActionContext): Promise<HookResult> {
  const { ports, state } = context
  const runId = ports.env['GITHUB_RUN_ID'] ?? ''
  const attempt = ports.env['GITHUB_RUN_ATTEMPT'] ?? ''
  if (runId === '' || attempt === '') {
    throw new InputError('input-missing', 'GITHUB_RUN_ID and GITHUB_RUN_ATTEMPT are not set', {
      subject: 'GITHUB_RUN_ID',
      remedy: 'This is for the runner to call, by ACTIONS_RUNNER_HOOK_JOB_STARTED.',
    })
  }
  const { outputs, report } = await door.run(inputs, context)
  const evidencePath = outputs['evidence-path'] ?? ''
  const document = parseJson(await readFile(evidencePath, 'utf8'), evidencePath)
  const binding = isObject(document) && isObject(document['binding']) ? document['binding'] : {}
  checkRun(binding, runId, attempt)
  checkBoot(binding, inputs.integer('max-jobs', 1, 1_000_000))
  if (inputs.boolean('require-attested') && outputs['attested'] !== 'true') {
    throw new VerificationError('machine-only', `no verifier vouches for this machine: ${report.headline}`, {
      subject: outputs['tee'] ?? '',
      remedy: 'See the notes of this step; require-attested false lets the job run all the same.',
    })
  }
  await exportVariable('SEALWRIGHT_EVIDENCE', evidencePath, ports)
  const socket = inputs.text('agent-socket')
  if (socket !== '' && socket !== 'none') await exportVariable('SEALWRIGHT_AGENT_SOCKET', socket, ports)
  return {
    outputs: { ...outputs, state: state.directory, run: `${runId}-${attempt}` },
    text: [
      report.headline,
      ...report.notes,
      `evidence ${outputs['evidence-digest'] ?? ''} of run ${runId}, attempt ${attempt}`,
      '',
    ].join('\n'),
  }
}

/** The job-completed hook: ends the agent, if it still lives, and wipes what this job left in its state. */
export async function jobCompleted(_inputs: RawInputs, context: ActionContext): Promise<HookResult> {
  const { state } = context
  // A job may have removed or damaged its state: there is nothing to end then, and everything to wipe.
  const stopped = await agentStop(context)
    .then(({ outputs }) => outputs['stopped'] ?? 'false')
    .catch((error: Error) => {
      context.ports.log.warn(error.message)
      return 'false'
    })
  await rm(state.directory, { recursive: true, force: true })
  return { outputs: { stopped, wiped: state.directory }, text: `wiped ${state.directory}\n` }
}

function checkRun(binding: JsonObject, runId: string, attempt: string): void {
  const job = isObject(binding['job']) ? binding['job'] : {}
  const claims = isObject(job['claims']) ? job['claims'] : {}
  if (String(claims['run_id']) === runId && String(claims['run_attempt']) === attempt) return
  throw new VerificationError(
    'token-invalid',
    `the evidence is of run ${String(claims['run_id'])}, not ${runId}-${attempt}`,
    {
      subject: 'run_id',
      remedy: 'An agent of an earlier job may be running: use each machine for one job.',
    },
  )
}

function checkBoot(binding: JsonObject, most: number): void {
  const boot = isObject(binding['boot']) ? binding['boot'] : {}
  const jobs = boot['jobs']
  if (typeof jobs === 'number' && jobs <= most) return
  throw new VerificationError('denied', `this is job ${String(jobs)} of this boot, and ${most} may run`, {
    subject: 'boot.jobs',
    remedy: 'End the machine after its job, and boot a new one from the image.',
  })
}
