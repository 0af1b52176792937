import { generateKeyPairSync } from 'node:crypto'
import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { door } from '../../src/actions/setup-cvm-runner/main.ts'
import { door as post } from '../../src/actions/setup-cvm-runner/post.ts'
import type { ActionContext, ActionResult, RawInputs } from '../../src/doors/context.ts'
import { openState } from '../../src/agent/state.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { sealReferenceValues } from '../../src/tee/reference/envelope.ts'
import { writeReferenceValues, type ReferenceValues } from '../../src/tee/reference/values.ts'
import { startSwtpm, type SoftwareTpm } from '../../testkit/tee/tpm/swtpm.ts'
import { agentEntry } from '../../testkit/agent.ts'
import { withPeers } from '../../testkit/peers.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

/** setup-cvm-runner on a software TPM: rules of a policy, signed reference values, what the summary says. */
const job = {
  issuer: 'https://i.example',
  jwks: { keys: [{}] },
  'repository-id': '1',
  workflow: 'w',
  refs: ['r'],
  events: ['e'],
}
const defaults = {
  technology: 'tpm',
  verifier: 'local',
  nonce: 'oidc',
  lifetime: '600',
  'trustee-policy': 'default',
  'agent-socket': 'none',
}
const folder = scratch('tpm')
const policy = join(folder, 'policy.json')
const lines = {
  version: 1,
  technology: 'tpm',
  job,
  // What a software TPM has before anything was measured.
  measurements: [{ name: 'this machine', values: { pcr4: '00'.repeat(32) } }],
  'accept-software-tpm': true,
  'accept-machine-only': true,
  'accept-coverage-short': true,
  'accept-storage-exposed': true,
}
writeFileSync(policy, JSON.stringify(lines))
const policyWith = (name: string, change: object): string => {
  const path = join(folder, name)
  writeFileSync(path, JSON.stringify({ ...lines, ...change }))
  return path
}
const pem = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  .privateKey.export({ type: 'pkcs8', format: 'pem' })
  .toString()

const document: ReferenceValues = {
  type: 'https://sealwright.dev/reference-values/v1',
  name: 'runner of this test',
  technology: 'tpm',
  covers: ['kernel'],
  storage: 'exposed',
  level: 'machine-only',
  inputs: {},
  // What a software TPM has before anything was measured.
  values: [{ shape: {}, measured: { pcr4: '00'.repeat(32) } }],
}
async function values(name: string, change: Partial<ReferenceValues> = {}): Promise<string> {
  const file = join(folder, name)
  writeFileSync(
    file,
    await sealReferenceValues(writeReferenceValues({ ...document, ...change }), await loadSigner(pem, null), name),
  )
  return file
}

function step(tpm: SoftwareTpm, given: Record<string, string>): { inputs: RawInputs; context: ActionContext } {
  const made = testPorts()
  const ports = { ...made, env: { ...made.env, SEALWRIGHT_AGENT_ENTRY: agentEntry } }
  const all: Record<string, string> = { 'tpm-device': tpm.device, ...given }
  const inputs = rawInputs({ given: (name) => all[name], defaults, ports, confine: null, label: (name) => name })
  return { inputs, context: { ports, state: openState(join(ports.roots.temp, 'state'), ports) } }
}

/** Each on a TPM of its own: one boot. */
async function setup(given: Record<string, string>): Promise<ActionResult> {
  const tpm = await startSwtpm()
  const { inputs, context } = step(tpm, given)
  try {
    return await door.run(inputs, context)
  } finally {
    await post.run(inputs, context)
    await tpm.stop()
  }
}

withPeers(
  ['swtpm'],
  'a software TPM is named as one and vouches for nothing, with signed values that fit',
  async () => {
    const key = join(folder, 'values.pub')
    writeFileSync(key, (await loadSigner(pem, null)).publicKeyPem)
    const file = await values('good.json')
    const { outputs, report } = await setup({ policy, 'reference-values': file, 'reference-keys': key })
    expect(outputs).toMatchObject({ tee: 'tpm', attested: 'false' })
    expect(report.headline).toContain('tpm (software TPM)')
    expect(report.facts).toContainEqual(['Reference values', 'runner of this test'])
    expect(report.facts).toContainEqual(['Evidence', 'software TPM: no proof of a machine'])
    expect(report.notes.join(' ')).toContain('reported as a software TPM')
    const { verdict } = report.details as { verdict: { register: { name: string; records: object[] } } }
    expect(verdict.register).toMatchObject({ name: 'pcr14' })

    for (const [given, code] of [
      // Strict when silent: without a policy that names it, such a TPM is refused.
      [{}, 'evidence-invalid'],
      [{ policy, 'reference-values': file }, 'input-missing'],
      [
        {
          policy,
          'reference-values': await values('other.json', {
            values: [{ shape: {}, measured: { pcr4: '11'.repeat(32) } }],
          }),
          'reference-keys': key,
        },
        'evidence-invalid',
      ],
      [
        {
          policy,
          'reference-values': await values('old.json', { 'not-after': '2020-01-01T00:00:00Z' }),
          'reference-keys': key,
        },
        'expired',
      ],
      [{ policy, 'reference-values': file, 'reference-keys': join(folder, 'none.pub') }, 'file-missing'],
      // The machine's part of the gate's own table of steps.
      [{ policy: policyWith('unnamed.json', { 'accept-software-tpm': undefined }) }, 'technology-refused'],
      [{ policy: policyWith('unpinned.json', { measurements: undefined }) }, 'evidence-invalid'],
      [{ policy: policyWith('short.json', { 'accept-coverage-short': undefined }) }, 'coverage-short'],
      [{ policy: policyWith('denied.json', { deny: { measurements: ['00'.repeat(32)] } }) }, 'denied'],
      [{ policy: policyWith('svn.json', { 'minimum-svn': { 'tcb.reported.snp': 1 } }) }, 'denied'],
      [{ policy: join(folder, 'none.json') }, 'file-missing'],
      [{ policy, collateral: join(folder, 'none') }, 'file-missing'],
    ] as const) {
      await expect(setup(given)).rejects.toMatchObject({ code })
    }
    const stranger = join(folder, 'stranger.pub')
    const other = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ type: 'spki', format: 'pem' })
    writeFileSync(stranger, other)
    await expect(setup({ policy, 'reference-values': file, 'reference-keys': stranger })).rejects.toMatchObject({
      code: 'signature-invalid',
    })
  },
)

withPeers(['swtpm'], 'another register by choice, and a plain map of measured values', async () => {
  const file = join(folder, 'map.json')
  writeFileSync(file, JSON.stringify({ pcr4: ['11'.repeat(32), '00'.repeat(32)], softwareTpm: true }))
  const other = join(folder, 'pcr9.json')
  writeFileSync(other, JSON.stringify({ ...lines, tee: { register: { name: 'pcr9' } } }))
  const { report, outputs } = await setup({ policy: other, 'reference-values': file, 'tpm-register': 'pcr9' })
  const { verdict } = report.details as { verdict: { register: { name: string } } }
  expect(verdict.register.name).toBe('pcr9')
  expect(readFileSync(outputs['public-key-path'] ?? '', 'utf8')).toContain('PUBLIC KEY')
  // The rules are for the default register: a log of another one is none.
  await expect(setup({ policy, 'tpm-register': 'pcr9' })).rejects.toMatchObject({ code: 'evidence-invalid' })
  writeFileSync(file, JSON.stringify({ pcr4: '11'.repeat(32) }))
  await expect(setup({ policy, 'reference-values': file })).rejects.toMatchObject({
    code: 'evidence-invalid',
    subject: 'pcr4',
  })
})

withPeers(['swtpm'], 'a second agent of one boot is refused, and told to restart the machine', async () => {
  const tpm = await startSwtpm()
  try {
    for (const refused of [false, true]) {
      const { inputs, context } = step(tpm, { policy })
      const run = door.run(inputs, context)
      if (!refused) await run
      else {
        await expect(run).rejects.toMatchObject({
          code: 'evidence-invalid',
          message: expect.stringContaining('register: pcr14') as string,
          remedy: expect.stringContaining('restart the machine') as string,
        })
      }
      await post.run(inputs, context)
    }
  } finally {
    await tpm.stop()
  }
})
