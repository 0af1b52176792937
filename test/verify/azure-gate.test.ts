import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { agentStart } from '../../src/tee/register/index.ts'
import { at as member, changed, forgeChain, makeIssuer, type ChainBase } from '../../testkit/chain.ts'
import { forgedAzure, type ForgedAzureOptions } from '../../testkit/tee/azure/forged-azure.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { preparedImages } from '../../testkit/prepared-image.ts'
import { smallClaims } from '../../testkit/small-image.ts'
import { syntheticCrl, syntheticTrust } from '../../testkit/tee/pki/snp.ts'

/** The whole gate over a SYNTHETIC machine of Azure's: hardware report → variable data → key of the vTPM → quote → binding and register. */
const ports = testPorts()
const issuer = makeIssuer()
const prepared = preparedImages('azure-gate')
const at = new Date('2026-06-01T00:00:00Z')
const pcr11 = Buffer.alloc(32, 0x11)

const policy = {
  'accept-sample': undefined,
  technology: 'az-snp-vtpm',
  platform: 'azure',
  measurements: [
    {
      values: { measurement: '4d'.repeat(48), pcr11: pcr11.toString('hex') },
      covers: ['firmware', 'kernel', 'initrd', 'cmdline', 'rootfs', 'runner', 'agent'],
      storage: 'sealed',
      level: 'agent-exclusive',
    },
  ],
}

async function judge(options: ForgedAzureOptions = {}, more: Record<string, unknown> = {}): Promise<Verdict> {
  const { reference, store, base } = await prepared()
  const id = 'https://sealwright.dev/builder/v1/snp-vtpm/machine-only'
  const payload = (kind: string, bytes: Buffer): Buffer =>
    kind === 'provenance'
      ? changed(bytes, (predicate) => void (member(predicate, 'runDetails', 'builder')['id'] = id))
      : bytes
  const machine = forgedAzure({ pcrs: { 11: pcr11 }, ...options })
  await forgeChain(store, base, { issuer, at, payload, machine })
  const text = policyText({ claims: smallClaims } as unknown as ChainBase, issuer, { ...policy, ...more })
  const collateral = scratch('azure-collateral')
  await writeFile(join(collateral, 'milan.crl'), syntheticCrl('Milan'))
  const trust = { snp: syntheticTrust() }
  return verifyImage(reference, await parsePolicy(text, '/policy.yml'), { at, trust, collateral }, ports)
}

const first = ({ checks }: Verdict) => checks.find(({ status }) => status === 'failed')

test('passes with the launch digest of the paravisor and a PCR of the guest, without any exception of hardware', async () => {
  const verdict = await judge()
  expect(first(verdict)).toBeUndefined()
  expect(verdict).toMatchObject({ verified: true, exceptions: ['accept-unproven-time'] })
  expect(verdict.builder.id).toMatch(/snp-vtpm\/agent-exclusive$/)
  expect(verdict.checks.find(({ id }) => id === 'machine.register')).toMatchObject({ status: 'passed' })
})

test.each<[string, ForgedAzureOptions, Record<string, unknown>, string, string]>([
  [
    'a quote by another vTPM at the seal',
    { stranger: ({ role }) => role === 'seal' },
    {},
    'evidence.reports',
    'evidence-invalid',
  ],
  [
    'variable data that the hardware did not report on',
    { hcl: () => ({ reportData: Buffer.alloc(64, 1) }) },
    {},
    'evidence.reports',
    'evidence-invalid',
  ],
  ['user-data of another binding', { userData: () => Buffer.alloc(64, 7) }, {}, 'evidence.reports', 'binding-mismatch'],
  [
    'a paravisor with another launch digest',
    { hcl: () => ({ report: (bytes) => bytes.fill(0x4e, 0x90, 0xc0) }) },
    {},
    'machine.measurement',
    'evidence-invalid',
  ],
  [
    'another kernel in the guest',
    { pcrs: { 11: Buffer.alloc(32, 0x12) } },
    {},
    'machine.measurement',
    'evidence-invalid',
  ],
  [
    'another guest at the seal',
    { quote: ({ role }) => (role === 'seal' ? { resetCount: 4 } : {}) },
    {},
    'machine.same',
    'evidence-invalid',
  ],
  [
    'another hardware guest behind the same vTPM at the seal',
    { hcl: ({ role }) => ({ report: (bytes) => role === 'seal' && bytes.fill(0x2d, 0x140, 0x160) }) },
    {},
    'machine.same',
    'evidence-invalid',
  ],
  [
    'a second agent in one boot',
    {
      records: (honest, { role }) =>
        role === 'seal' ? [agentStart({ job: `sha256:${'ab'.repeat(32)}`, key: 'k'.repeat(43) }), ...honest] : honest,
    },
    {},
    'machine.register',
    'register-mismatch',
  ],
  ['no log of the register', { log: () => null }, {}, 'machine.register', 'register-mismatch'],
  [
    'an extension that nobody logged',
    { secret: () => Buffer.alloc(32, 9) },
    {},
    'evidence.reports',
    'register-mismatch',
  ],
  ['another cloud', {}, { platform: 'gcp' }, 'hardware.platform', 'technology-refused'],
])('%s is refused', async (_what, options, more, id, reason) => {
  expect(first(await judge(options, more))).toMatchObject({ id, reason })
})
