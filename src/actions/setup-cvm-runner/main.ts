import { stat } from 'node:fs/promises'
import { writeFile } from '../../base/write-file.ts'
import { defaultMachineSocket } from '../../agent/machine/protocol.ts'
import { fetchNonce, type Nonce } from '../../agent/nonce.ts'
import { spawnAgent } from '../../agent/spawn.ts'
import { InputError, InternalError } from '../../base/errors.ts'
import { readNamedFile } from '../../base/files.ts'
import { parseJson } from '../../base/json.ts'
import type { Ports } from '../../base/ports.ts'
import { sha256 } from '../../base/streams.ts'
import { jcs } from '../../encoding/jcs.ts'
import { addPath, exportVariable } from '../../runner/commands.ts'
import { installTool } from '../../runner/tools.ts'
import type { ActionContext, ActionDoor } from '../../doors/context.ts'
import { readInputs, type SetupInputs } from './inputs.ts'
import { setupReport } from '../../report/setup.ts'
import { performTask } from '../../tasks/tasks.ts'
import { trusteeCaller, trusteeOf } from './trustee.ts'
import { verifyEvidence } from '../../tasks/attest/verify-evidence.ts'

/** Starts the agent of the job, collects and verifies its evidence, installs pinned tools. */
export const door: ActionDoor = {
  name: 'setup-cvm-runner',
  run: async (raw, context) => {
    const inputs = readInputs(raw)
    const { ports, state } = context
    const entry = ports.env['SEALWRIGHT_AGENT_ENTRY']
    if (entry === undefined || entry === '') throw new InternalError('the door did not say where the agent program is')
    const tools = await installTools(inputs, context)
    const nonce = await nonceOf(inputs, ports)
    const machineSocket = await findMachineSocket(inputs.agentSocket, ports)
    const { status, reused } = await spawnAgent(
      {
        entry,
        directory: state.directory,
        technology: inputs.technology,
        nonce: nonce.given,
        lifetime: inputs.lifetime,
        // A runner whose TPM is elsewhere says so itself, so that workflows need not know.
        tee: { ...inputs.tee, tpmDevice: inputs.tee.tpmDevice || (ports.env['SEALWRIGHT_TPM_DEVICE'] ?? '') },
        machineSocket,
      },
      ports,
    )
    await exportVariable('SEALWRIGHT_STATE', state.directory, ports)

    const report = await performTask('attest', { trustee: trusteeOf(inputs) }, trusteeCaller(inputs), context)
    const findings = await verifyEvidence(report, status.technology, inputs, ports)
    if (nonce.note !== null)
      findings.notes.push(reused ? `${nonce.note} The agent ran before and did not use it.` : nonce.note)
    const document = jcs({
      binding: parseJson(Buffer.from(report.binding, 'base64').toString('utf8'), 'binding'),
      evidence: parseJson(Buffer.from(report.evidence, 'base64').toString('utf8'), 'evidence'),
    })
    const evidencePath = await state.path('evidence.json')
    await writeFile(evidencePath, document)
    const publicKeyPath = await state.path('agent.pub')
    await writeFile(publicKeyPath, status.publicKeyPem)
    const [ear, second] = findings.ears
    if (ear !== undefined) await writeFile(await state.path('ear.jwt'), ear.jwt)
    if (second !== undefined) await writeFile(await state.path('ear-kbs.jwt'), second.jwt)
    if (nonce.checkpoint !== null) await writeFile(await state.path('nonce-checkpoint.txt'), nonce.checkpoint)

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
      report: setupReport(status, findings, { reused, machine: machineSocket !== null, evidenceDigest: digest, tools }),
    }
  },
}

/**
 * The socket of the machine's agent: the input, else what the job-started hook exported, else the default place where there is one.
 *
 * @throws InputError `no-agent` where one was named and is not there: a job must not fall back to an agent that proves less
 */
async function findMachineSocket(given: string, ports: Ports): Promise<string | null> {
  if (given === 'none') return null
  const named = given === '' ? (ports.env['SEALWRIGHT_AGENT_SOCKET'] ?? '') : given
  const path = named === '' ? defaultMachineSocket : named
  const found = await stat(path).catch(() => null)
  if (found?.isSocket() === true) return path
  if (named === '') return null
  throw new InputError('no-agent', `${path} is no socket of the machine's agent`, {
    subject: 'agent-socket',
    remedy: 'Start it (systemctl start sealwright-agent.socket), or set `agent-socket: none`.',
  })
}

async function nonceOf(inputs: SetupInputs, ports: Ports): Promise<Nonce> {
  const { nonce, kbsUrl, technology, logKey } = inputs
  const text = logKey === null ? null : (await readNamedFile(logKey, 'log-key')).toString('utf8')
  return fetchNonce({ nonce, kbsUrl, technology, logKey: text }, ports)
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
