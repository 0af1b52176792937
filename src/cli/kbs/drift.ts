import type { ActionContext, RawInputs } from '../../doors/context.ts'
import { adminClaims } from '../../kbs/admin-token.ts'
import { checkStands, kbsIdentity, withKbs } from '../../kbs-server/connect.ts'
import { findDrift } from '../../tasks/publish/drift.ts'
import { readStateChoice } from '../../tasks/publish/state-choice.ts'
import type { CommandResult } from '../command.ts'

/** Compares a KBS with a plan and prints one line for each thing of it, with the remedy below. */
export async function kbsDrift(inputs: RawInputs, { ports }: ActionContext): Promise<CommandResult> {
  const url = kbsIdentity(inputs.required('kbs-url'), ports.roots.cwd)
  checkStands(url, ports.roots.cwd)
  inputs.required('plan')
  const [plan, adminKey] = [inputs.path('plan'), await inputs.secret('admin-key')]
  const [role, issuer, audience] = ['admin-role', 'admin-issuer', 'admin-audience'].map((name) => inputs.required(name))
  const claims = adminClaims({ role: role ?? '', issuer: issuer ?? '', audience: audience ?? '' })
  const state = await readStateChoice({
    reference: inputs.text('signed-state'),
    key: null,
    publicKeys: inputs.list('state-public-key').map((path) => inputs.path('state-public-key', path)),
    signs: false,
  })
  const request = { adminKey, claims, plan, state, name: url }
  const findings = await withKbs(url, ports, (kbs) => findDrift({ kbs, ...request }, ports))
  const count = (standing: string): number => findings.filter((one) => one.standing === standing).length
  const lines = findings.flatMap(({ what, standing, found, remedy }) => [
    `${standing.padEnd(7)}  ${what}: ${found}`,
    ...(remedy === null ? [] : [`         → ${remedy}`]),
  ])
  const total = `${count('drift')} differ, ${count('same')} as planned, ${count('unknown')} not known`
  return {
    outputs: { 'kbs-url': url, drift: String(count('drift') > 0), findings: findings.map((one) => ({ ...one })) },
    text: [`${url}: ${total}`, ...lines, ''].join('\n'),
    refused: count('drift') > 0,
  }
}
