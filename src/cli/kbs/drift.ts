import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { kbsIdentity, withKbs } from '../../kbs-server/connect.ts'
import { findDrift } from '../../tasks/publish/drift.ts'
import type { CommandResult } from '../command.ts'

/** Compares a KBS with a plan and prints one line for each thing of it. */
export async function kbsDrift(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const url = kbsIdentity(inputs.required('kbs-url'), ports.roots.cwd)
  inputs.required('plan')
  const adminKey = await inputs.secret('admin-key')
  const findings = await withKbs(url, ports, (kbs) => findDrift({ kbs, adminKey, plan: inputs.path('plan') }, ports))
  const count = (standing: string): number => findings.filter((one) => one.standing === standing).length
  const lines = findings.map(({ what, standing, found }) => `${standing.padEnd(7)}  ${what}: ${found}`)
  const total = `${count('drift')} differ, ${count('same')} as planned, ${count('unknown')} not known`
  return {
    outputs: { 'kbs-url': url, drift: String(count('drift') > 0), findings: findings.map((one) => ({ ...one })) },
    text: [`${url}: ${total}`, ...lines, ''].join('\n'),
    refused: count('drift') > 0,
  }
}
