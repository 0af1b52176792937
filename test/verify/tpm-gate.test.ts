import { createHash, generateKeyPairSync } from 'node:crypto'
import { writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { jcs } from '../../src/encoding/jcs.ts'
import type { Binding } from '../../src/journal/binding.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { sealReferenceValues } from '../../src/tee/reference/envelope.ts'
import { writeReferenceValues, type ReferenceValues } from '../../src/tee/reference/values.ts'
import { agentStart, journalHead } from '../../src/tee/register/index.ts'
import { keyFingerprint } from '../../src/tee/verify/tpm/attestation-key.ts'
import { initPolicy } from '../../src/verify/init/init.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { policyText } from '../../testkit/policy-text.ts'
import {
  changed,
  at as member,
  forgeChain,
  makeIssuer,
  makeKey,
  type ChainBase,
  type ForgeOptions,
} from '../../testkit/chain.ts'
import { forgedTpm, type ForgedTpmOptions } from '../../testkit/tee/tpm/forged-tpm.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { preparedImages } from '../../testkit/prepared-image.ts'
import { smallClaims } from '../../testkit/small-image.ts'

/** The whole gate over evidence of a SYNTHETIC TPM machine: reference values, register, one machine, exceptions. */
const ports = testPorts()
const issuer = makeIssuer()
const prepared = preparedImages('tpm-gate')
const now = new Date()
const pcr4 = Buffer.alloc(32, 4)
const pcrs = { 4: pcr4, 7: Buffer.alloc(32, 7) }
const maker = makeKey()
const folder = scratch('tpm-gate')
const policyPath = join(folder, 'policy.yml')

const document: ReferenceValues = {
  type: 'https://sealwright.dev/reference-values/v1',
  name: 'runner image',
  technology: 'tpm',
  covers: ['firmware', 'kernel', 'initrd', 'cmdline', 'rootfs', 'runner', 'agent'],
  storage: 'sealed',
  level: 'agent-exclusive',
  inputs: { uki: { name: 'runner.efi', digest: null } },
  values: [
    { shape: { vcpus: 2 }, measured: { pcr4: 'ee'.repeat(32), pcr7: '07'.repeat(32) } },
    { shape: { vcpus: 4 }, measured: { pcr4: pcr4.toString('hex'), pcr7: '07'.repeat(32) } },
  ],
}

/** Writes signed reference values and gives the policy's entry for them. */
async function signed(change: Partial<ReferenceValues> = {}, by = maker): Promise<object[]> {
  const pem = by.key.export({ format: 'pem', type: 'pkcs8' }).toString()
  const name = `values-${createHash('sha256')
    .update(jcs({ change, key: by.id }))
    .digest('hex')
    .slice(0, 8)}.json`
  const payload = writeReferenceValues({ ...document, ...change })
  await writeFile(join(folder, name), await sealReferenceValues(payload, await loadSigner(pem, null), name))
  return [{ file: name, keys: [maker.signer.publicKeyPem] }]
}

const byTpm = (kind: string, payload: Buffer): Buffer =>
  kind === 'provenance'
    ? changed(
        payload,
        (predicate) =>
          void (member(predicate, 'runDetails', 'builder')['id'] = 'https://sealwright.dev/builder/v1/tpm-software'),
      )
    : payload

async function image(tpm: ForgedTpmOptions = {}, forge: Partial<ForgeOptions> = {}): Promise<string> {
  const { reference, store, base } = await prepared()
  const machine = forgedTpm({ pcrs, ...tpm })
  await forgeChain(store, base, { issuer, at: now, payload: byTpm, machine, ...forge })
  return reference
}

async function judge(
  tpm: ForgedTpmOptions = {},
  changes: Record<string, unknown> = {},
  forge: Partial<ForgeOptions> = {},
): Promise<Verdict> {
  const reference = await image(tpm, forge)
  const base = { claims: smallClaims } as unknown as ChainBase
  const text = policyText(base, issuer, {
    'accept-sample': undefined,
    technology: 'tpm',
    'accept-software-tpm': true,
    'reference-values': await signed(),
    ...changes,
  })
  return verifyImage(reference, await parsePolicy(text, policyPath), { at: now }, ports)
}

const failures = (verdict: Verdict) => verdict.checks.filter(({ status }) => status === 'failed')

test('a measured machine passes, and every exception is named', async () => {
  const verdict = await judge()
  expect(failures(verdict)).toEqual([])
  expect(verdict.exceptions).toEqual(['accept-software-tpm', 'accept-unproven-time'])
  expect(verdict.builder).toMatchObject({ id: expect.stringMatching(/tpm-software$/), level: 'agent-exclusive' })
  expect(verdict.machine).toMatchObject({
    id: expect.stringMatching(/^tpm:[0-9a-f]{64}:3:0$/),
    reference: expect.stringMatching(/^runner image \(vcpus 4\) of values-/),
    status: { softwareTpm: true },
    register: { name: 'pcr14', resettable: false, foreign: [] },
  })
  expect(verdict.machine?.register?.records.map(({ operation }) => operation)).toEqual([
    'agent-start',
    'journal',
    'journal',
  ])
  const accepted = verdict.checks.find(({ id }) => id === 'hardware.tpm')
  expect(accepted?.why).toContain('[tpm, runner image (vcpus 4)')
})

const other = makeKey()
const start = { job: `sha256:${'0'.repeat(64)}`, key: other.id } as const
/** Where the last record begins: 50 bytes before its tagged event (register, type, count, algorithm, digest, size). */
const lastRecord = (log: Buffer) => log.lastIndexOf('LEAA') - 50
const ofOpen = (records: ReturnType<typeof agentStart>[]) => records.filter(({ operation }) => operation === 'journal')

test.each<[string, ForgedTpmOptions, string, string]>([
  ['a log that is cut', { log: (log) => log.subarray(0, log.length - 9) }, 'evidence.reports', 'register-mismatch'],
  [
    'a log without its last record',
    { log: (log, { role }) => (role === 'seal' ? log.subarray(0, lastRecord(log)) : log) },
    'evidence.reports',
    'register-mismatch',
  ],
  [
    'an extension that no log has',
    { secret: ({ role }) => (role === 'open' ? Buffer.alloc(32, 9) : null) },
    'evidence.reports',
    'register-mismatch',
  ],
  [
    'a second agent-start in the boot',
    { records: (honest, { role }) => (role === 'seal' ? [agentStart(start), ...honest] : honest) },
    'machine.register',
    'register-mismatch',
  ],
  [
    'an agent before this one',
    { records: (honest, { role }) => (role === 'open' ? [agentStart(start), ...honest] : honest) },
    'machine.register',
    'register-mismatch',
  ],
  [
    'the agent-start of another job',
    {
      records: (honest, { role }) => (role === 'open' ? [agentStart(start), ...ofOpen(honest)] : honest),
    },
    'machine.register',
    'register-mismatch',
  ],
  ['no agent-start', { records: (honest) => ofOpen(honest) }, 'machine.register', 'register-mismatch'],
  [
    'another journal head',
    {
      records: (honest, { role, journal }) =>
        role === 'seal' ? [journalHead({ ...journal, head: `sha256:${'1'.repeat(64)}` })] : honest,
    },
    'machine.register',
    'register-mismatch',
  ],
  [
    'a seal without journal head',
    { records: (honest, { role }) => (role === 'seal' ? [] : honest) },
    'machine.register',
    'register-mismatch',
  ],
  ['no log at all', { log: () => null }, 'machine.register', 'register-mismatch'],
  [
    'a log with one report only',
    { log: (log, { role }) => (role === 'open' ? log : null) },
    'machine.register',
    'register-mismatch',
  ],
  ['another register than the policy’s', { register: 15 }, 'evidence.reports', 'register-mismatch'],
  [
    'a reset between open and seal',
    { quote: ({ role }) => ({ resetCount: role === 'open' ? 3 : 4 }) },
    'machine.same',
    'evidence-invalid',
  ],
  [
    'a resume between open and seal',
    { quote: ({ role }) => ({ restartCount: role === 'open' ? 0 : 1 }) },
    'machine.same',
    'evidence-invalid',
  ],
  [
    'a clock that runs back',
    { quote: ({ role }) => (role === 'seal' ? { clock: 1n } : {}) },
    'machine.same',
    'evidence-invalid',
  ],
  [
    'a seal of another TPM',
    { quote: ({ role }) => (role === 'seal' ? { keys: generateKeyPairSync('ec', { namedCurve: 'P-256' }) } : {}) },
    'machine.same',
    'evidence-invalid',
  ],
  ['another boot loader', { pcrs: { ...pcrs, 4: Buffer.alloc(32, 5) } }, 'machine.measurement', 'evidence-invalid'],
])('%s is refused', async (_what, tpm, id, reason) => {
  const verdict = await judge(tpm)
  expect(failures(verdict)[0]).toMatchObject({ id, reason })
  expect(verdict.verified).toBe(false)
})

test.each<[string, Record<string, unknown> | (() => Promise<Record<string, unknown>>), string, string, string]>([
  [
    'no line for a software TPM',
    { 'accept-software-tpm': undefined },
    'hardware.tpm',
    'technology-refused',
    'accept-software-tpm',
  ],
  [
    'another technology',
    { technology: 'snp', 'accept-software-tpm': undefined },
    'evidence.technology',
    'technology-refused',
    'tpm',
  ],
  [
    'reference values by another key',
    async () => ({ 'reference-values': await signed({}, other) }),
    'machine.references',
    'signature-invalid',
    'values-',
  ],
  [
    'reference values of another technology',
    async () => ({
      'reference-values': await signed({
        technology: 'snp',
        values: [{ shape: {}, measured: { measurement: 'ab'.repeat(48) } }],
      }),
    }),
    'machine.references',
    'policy-invalid',
    'is of snp',
  ],
  [
    'reference values past their time',
    async () => ({ 'reference-values': await signed({ 'not-after': '2026-01-01T00:00:00Z' }) }),
    'machine.measurement',
    'evidence-invalid',
    'to 2026-01-01',
  ],
  [
    'reference values that cover less',
    async () => ({ 'reference-values': await signed({ covers: ['kernel'] }) }),
    'machine.coverage',
    'coverage-short',
    'firmware',
  ],
  [
    'reference values of a machine that any root may speak for',
    async () => ({ 'reference-values': await signed({ level: 'machine-only' }) }),
    'machine.level',
    'machine-only',
    'who asked',
  ],
  ['no reference values', { 'reference-values': undefined }, 'machine.measurement', 'evidence-invalid', 'pins no'],
  [
    'another attestation key pinned',
    { tee: { tpm: { 'attestation-keys': ['ab'.repeat(32)] } } },
    'hardware.chip',
    'machine-refused',
    'attestation key',
  ],
  ['a wanted event log', { tee: { 'secure-boot': 'require' } }, 'machine.events', 'evidence-invalid', 'no event log'],
  ['a platform of Azure', { platform: 'azure' }, 'hardware.platform', 'technology-refused', 'azure'],
])('%s is refused', async (_what, changes, id, reason, words) => {
  const verdict = await judge({}, typeof changes === 'function' ? await changes() : changes)
  const [first] = failures(verdict)
  expect(first).toMatchObject({ id, reason })
  expect(`${first?.subject} ${first?.why}`).toContain(words)
})

test('the second job of a boot is refused, unless the reference values allow it', async () => {
  const twice = (binding: Binding): Binding => ({ ...binding, boot: { id: 'test', jobs: 2 } })
  const forge = { open: twice, seal: twice }
  expect(failures(await judge({}, {}, forge))[0]).toMatchObject({ id: 'machine.jobs', reason: 'replayed' })
  const values = { 'reference-values': await signed({ 'boot-jobs': 2 }) }
  expect(failures(await judge({}, values, forge))).toEqual([])
})

test('a report over other data is no report over the binding', async () => {
  const verdict = await judge({}, {}, { reported: () => Buffer.alloc(48, 1) })
  expect(failures(verdict)[0]).toMatchObject({ id: 'evidence.reports', reason: 'binding-mismatch' })
})

test('a missing register log is accepted by its line alone, and named', async () => {
  const verdict = await judge({ log: () => null }, { 'accept-no-register': true })
  expect(failures(verdict)).toEqual([])
  expect(verdict.exceptions).toContain('accept-no-register')
  expect(verdict.machine?.register).toBeNull()
})

test('a register that can be set back is for tests: by its line, and reported', async () => {
  const tee = { register: { name: 'pcr16' } }
  await expect(judge({ register: 16 }, { tee })).rejects.toMatchObject({
    code: 'file-invalid',
    message: expect.stringContaining('accept-resettable-register'),
  })
  const verdict = await judge({ register: 16 }, { tee, 'accept-resettable-register': true })
  expect(failures(verdict)).toEqual([])
  expect(verdict.exceptions).toContain('accept-resettable-register')
  expect(verdict.machine?.register).toMatchObject({ name: 'pcr16', resettable: true })
})

test('a pinned attestation key stays a software TPM', async () => {
  const keys = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const tee = { tpm: { 'attestation-keys': [keyFingerprint(keys.publicKey)] } }
  const verdict = await judge({ keys }, { tee })
  expect(failures(verdict)).toEqual([])
  expect(verdict.exceptions).toContain('accept-software-tpm')
  const silent = await judge({ keys }, { tee, 'accept-software-tpm': undefined })
  expect(failures(silent)[0]).toMatchObject({ id: 'hardware.tpm' })
})

test('policy init pins what the machine measured to, and what is missing becomes a line', async () => {
  const reference = await image()
  const { text, warnings } = await initPolicy(reference, { publicKeys: [], jwks: issuer.jwks }, ports)
  expect(text).toContain('technology: tpm')
  expect(text).toContain(`pcr4: "${pcr4.toString('hex')}"`)
  expect(text).not.toContain('pcr14')
  expect(text.match(/^accept-[a-z-]+/gm)).toEqual([
    'accept-software-tpm',
    'accept-machine-only',
    'accept-coverage-short',
    'accept-storage-exposed',
    'accept-unproven-time',
  ])
  expect(warnings.join('\n')).toContain('accept-software-tpm: true')
  const policy = await parsePolicy(text, policyPath)
  expect((await verifyImage(reference, policy, {}, ports)).reasons).toEqual([])
  const elsewhere = await image({ pcrs: { ...pcrs, 7: Buffer.alloc(32, 8) } })
  const verdict = await verifyImage(elsewhere, policy, {}, ports)
  expect(failures(verdict)[0]).toMatchObject({
    id: 'machine.measurement',
    why: expect.stringContaining('pcr7 is 0808'),
  })
})

test('policy init says so where the agent extended no register', async () => {
  const { text } = await initPolicy(await image({ log: () => null }), { publicKeys: [], jwks: issuer.jwks }, ports)
  expect(text).toContain('accept-no-register: true  # UNSAFE')
})
