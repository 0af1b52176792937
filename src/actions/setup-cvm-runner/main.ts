import { addPath, exportVariable } from '../../runner/commands.ts'
import { installTool } from '../../runner/tools.ts'
import { setupReport } from '../../report/setup.ts'
import { trusteeCaller, trusteeOf } from '../../tasks/attest/caller.ts'
import { keepEvidence } from '../../tasks/attest/keep-evidence.ts'
import { startAgent } from '../../tasks/attest/start-agent.ts'
import { verifyEvidence } from '../../tasks/attest/verify-evidence.ts'
import { performTask } from '../../tasks/tasks.ts'
import type { ActionContext, ActionDoor } from '../../doors/context.ts'
import { readInputs, type SetupInputs } from './inputs.ts'

/** Starts the agent of the job, collects and verifies its evidence, installs pinned tools. */
export const door: ActionDoor = {
  name: 'setup-cvm-runner',
  run: async (raw, context) => {
    const inputs = readInputs(raw)
    const { ports, state } = context
    const tools = await installTools(inputs, context)
    const agent = await startAgent(inputs, context)
    const { status, reused, machine, nonce } = agent
    await exportVariable('SEALWRIGHT_STATE', state.directory, ports)

    const report = await performTask('attest', { trustee: trusteeOf(inputs) }, trusteeCaller(inputs), context)
    const findings = await verifyEvidence(report, status.technology, inputs, ports)
    if (nonce.note !== null)
      findings.notes.push(reused ? `${nonce.note} The agent ran before and did not use it.` : nonce.note)
    const { evidencePath, digest, publicKeyPath } = await keepEvidence(report, findings.ears, agent, context)
    return {
      outputs: {
        tee: status.technology,
        attested: String(findings.attested),
        'evidence-path': evidencePath,
        'evidence-digest': digest,
        measurement: findings.measurement,
        'key-id': status.keyId,
        'job-digest': status.jobDigest,
        'public-key-path': publicKeyPath,
      },
      report: setupReport(status, findings, { reused, machine, evidenceDigest: digest, tools }),
    }
  },
}

async function installTools({ tools }: SetupInputs, { ports, state }: ActionContext): Promise<string[]> {
  const installed: string[] = []
  for (const tool of tools) {
    const path = await installTool(tool, await state.path('tools'), ports)
    if (!(await addPath(path, ports))) ports.log.info(`${tool.name} is in ${path}`)
    installed.push(`${tool.name} ${tool.version}`)
  }
  return installed
}
