import { writeFile } from 'node:fs/promises'
import { spawnAgent } from '../../agent/spawn.ts'
import { InternalError } from '../../base/errors.ts'
import { parseJson } from '../../base/json.ts'
import { sha256 } from '../../base/streams.ts'
import { jcs } from '../../encoding/jcs.ts'
import { addPath, exportVariable } from '../../runner/commands.ts'
import { installTool } from '../../runner/tools.ts'
import type { ActionContext, ActionDoor } from '../context.ts'
import { readInputs, type SetupInputs } from './inputs.ts'
import { setupReport } from './summary.ts'
import { verifyEvidence } from './verify-evidence.ts'

/** Starts the agent of the job, collects and verifies its evidence, installs pinned tools. */
export const door: ActionDoor = {
  name: 'setup-cvm-runner',
  run: async (raw, context) => {
    const inputs = readInputs(raw)
    const { ports, state } = context
    const entry = ports.env['SEALWRIGHT_AGENT_ENTRY']
    if (entry === undefined || entry === '') throw new InternalError('the door did not say where the agent program is')
    const tools = await installTools(inputs, context)
    const { client, status, reused } = await spawnAgent(
      {
        entry,
        directory: state.directory,
        technology: inputs.technology,
        nonce: inputs.nonce,
        lifetime: inputs.lifetime,
      },
      ports,
    )
    await exportVariable('SEALWRIGHT_STATE', state.directory, ports)

    const findings = await verifyEvidence(client, status.technology, inputs, ports)
    const { binding, evidence } = await client.openReport()
    const document = jcs({
      binding: parseJson(binding.toString('utf8'), 'binding'),
      evidence: parseJson(evidence.toString('utf8'), 'evidence'),
    })
    const evidencePath = await state.path('evidence.json')
    await writeFile(evidencePath, document)
    const publicKeyPath = await state.path('agent.pub')
    await writeFile(publicKeyPath, status.publicKeyPem)
    if (findings.ear !== null) await writeFile(await state.path('ear.jwt'), findings.ear)

    const digest = sha256(document)
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
      report: setupReport(status, findings, reused, digest, tools),
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
