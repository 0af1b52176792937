import { noCollateral } from '../../src/tee/verify/verifier.ts'
import { demandMachine, machineChecks, unanswered } from '../../src/verify/machine-checks.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import { steps } from '../../src/verify/run-steps.ts'
import { verdictWith } from '../../testkit/facts.ts'
import { testPorts } from '../../testkit/ports.ts'

const job = {
  issuer: 'https://issuer.example',
  jwks: { keys: [{}] },
  'repository-id': '1',
  workflow: 'w',
  refs: ['r'],
  events: ['e'],
}
const covers = ['firmware', 'kernel', 'initrd', 'cmdline', 'rootfs', 'runner', 'agent']
const measurement = { values: { measurement: 'aabb' }, covers, storage: 'sealed', level: 'agent-exclusive' }
const at = new Date('2026-06-01T00:00:00Z')

const judge = async (change: object = {}, verdict = verdictWith('snp', {}, { measured: { measurement: 'aabb' } })) => {
  const text = JSON.stringify({ version: 1, technology: 'snp', job, measurements: [measurement], ...change })
  const policy = await parsePolicy(text, '/policy.yml')
  return machineChecks(policy, verdict, { at, collateral: noCollateral, rules: policy.rules }, testPorts())
}
const failed = (checks: Awaited<ReturnType<typeof judge>>): string[] =>
  checks.filter(({ status }) => status === 'failed').map(({ id }) => id)

test('every step of the table is answered or listed as one that needs a job', async () => {
  const checks = await judge()
  expect(checks.map(({ id }) => id)).toEqual(steps.map(({ id }) => id))
  expect(failed(checks)).toEqual([])
  const machine = steps.filter((step) => step.scope === 'machine' || step.machine !== undefined).map(({ id }) => id)
  expect(unanswered(checks).filter((id) => machine.includes(id))).toEqual([])
  expect([...unanswered(checks), ...machine].toSorted()).toEqual(steps.map(({ id }) => id).toSorted())
  expect(machine).toEqual(
    expect.arrayContaining(['evidence.technology', 'hardware.revocation', 'machine.foreign', 'deny.list', 'deny.svn']),
  )
  expect(() => demandMachine(checks, 'snp')).not.toThrow()
})

test.each<[string, object, string, string]>([
  ['a denied chip', { deny: { 'chip-ids': ['ab'.repeat(64)] } }, 'deny.list', 'denied'],
  ['an old version', { 'minimum-svn': { 'tcb.reported.snp': 21 } }, 'deny.svn', 'denied'],
  [
    'another measurement',
    { measurements: [{ ...measurement, values: { measurement: 'cc' } }] },
    'machine.measurement',
    'evidence-invalid',
  ],
  [
    'another technology',
    { technology: 'tdx', measurements: [{ ...measurement, values: { 'mr-td': '11'.repeat(48) } }] },
    'evidence.technology',
    'technology-refused',
  ],
])('%s is refused with the reason of the gate', async (_what, change, id, reason) => {
  const checks = await judge(change)
  expect(failed(checks)).toContain(id)
  try {
    demandMachine(checks, 'snp')
    throw new Error('it was accepted')
  } catch (error) {
    expect(error).toMatchObject({ code: reason, message: expect.stringContaining(id) })
  }
})

test('a report that does not verify is refused with its first failed check', async () => {
  const verdict = verdictWith('snp', {}, { status: 'refused', checks: [{ name: 'vmpl', ok: false, why: 'VMPL 2' }] })
  const check = (await judge({}, verdict)).find(({ id }) => id === 'evidence.reports')
  expect(check).toMatchObject({ status: 'failed', reason: 'evidence-invalid', why: expect.stringContaining('VMPL 2') })
})
