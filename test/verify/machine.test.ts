import type { TeeVerdict } from '../../src/tee/types.ts'
import { denySteps } from '../../src/verify/checks/deny.ts'
import { machineSteps } from '../../src/verify/checks/machine.ts'
import type { Gate } from '../../src/verify/candidate.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Outcome } from '../../src/verify/step.ts'
import { verdictWith } from '../../testkit/facts.ts'

/** Steps that only hardware evidence reaches, on hand-made verdicts of a verifier. */
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

function report(machine: string | null = 'machine-1'): TeeVerdict {
  return verdictWith('snp', {}, { measured: { measurement: 'aabb' }, machine })
}

async function run(
  id: string,
  policy: Record<string, unknown> = {},
  tee: TeeVerdict[] = [report(), report()],
): Promise<Outcome> {
  const text = JSON.stringify({ version: 1, technology: 'snp', job, measurements: [measurement], ...policy })
  const gate = {
    policy: await parsePolicy(text, '/policy.yml'),
    at: new Date('2026-06-01T00:00:00Z'),
    evidence: null,
    found: { tee, reference: 'the measurement', claims: null, level: null },
    subject: { descriptor: { digest: 'sha256:00' }, image: null, via: [] },
    mine: [],
    key: null,
  } as unknown as Gate
  const step = [...machineSteps, ...denySteps].find((item) => item.id === id)
  if (step === undefined) throw new Error(`there is no step ${id}`)
  return step.run(gate)
}

test.each(['machine.same', 'machine.measurement', 'machine.coverage', 'machine.level', 'machine.storage'])(
  '%s passes for a measured machine',
  async (id) => {
    expect((await run(id)).status).toBe('passed')
  },
)

test.each([
  ['reports of two machines', 'machine.same', {}, [report('a'), report('b')], 'evidence-invalid'],
  ['a report of no machine', 'machine.same', {}, [report(null)], 'evidence-invalid'],
  [
    'another measurement',
    'machine.measurement',
    {},
    [{ ...report('a'), measured: { measurement: 'ccdd' } }],
    'evidence-invalid',
  ],
  ['no pinned measurement', 'machine.measurement', { measurements: undefined }, undefined, 'evidence-invalid'],
  [
    'a measurement past its time',
    'machine.measurement',
    { measurements: [{ ...measurement, 'not-after': '2026-01-01T00:00:00Z' }] },
    undefined,
    'evidence-invalid',
  ],
  [
    'a short coverage',
    'machine.coverage',
    { measurements: [{ ...measurement, covers: ['firmware'] }] },
    undefined,
    'coverage-short',
  ],
  [
    'a machine that any root process may speak for',
    'machine.level',
    { measurements: [{ ...measurement, level: 'machine-only' }] },
    undefined,
    'machine-only',
  ],
  [
    'exposed storage',
    'machine.storage',
    { measurements: [{ ...measurement, storage: 'exposed' }] },
    undefined,
    'storage-exposed',
  ],
  ['an old firmware', 'deny.svn', { 'minimum-svn': { 'tcb.reported.bootloader': 5 } }, undefined, 'denied'],
  ['a denied measurement', 'deny.list', { deny: { measurements: ['aabb'] } }, undefined, 'denied'],
] as const)('%s is refused', async (_name, id, policy, tee, reason) => {
  expect(await run(id, policy, tee === undefined ? undefined : [...tee])).toMatchObject({ status: 'failed', reason })
})

test('a relaxation names its technology and platform', async () => {
  const policy = {
    measurements: [{ ...measurement, level: 'machine-only' }],
    'accept-machine-only': true,
    platform: 'azure',
  }
  expect(await run('machine.level', policy)).toMatchObject({
    status: 'accepted',
    acceptance: 'accept-machine-only',
    why: expect.stringContaining('[snp, azure, the measurement]'),
  })
})
