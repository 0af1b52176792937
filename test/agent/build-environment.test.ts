import { generateKeyPairSync } from 'node:crypto'
import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { judgeEnvironment, type EnvironmentJudgement } from '../../src/agent/build-environment/judge.ts'
import type { JsonObject } from '../../src/base/json.ts'
import { runnerAttest } from '../../src/cli/runner/attest.ts'
import { toBase64 } from '../../src/encoding/base64.ts'
import { jcs } from '../../src/encoding/jcs.ts'
import { bindingHash, jobDigest, type Binding } from '../../src/journal/binding.ts'
import { openState } from '../../src/agent/state.ts'
import { makeBundle, parseBundle } from '../../src/sign/bundle.ts'
import { signEnvelope, verifyEnvelope } from '../../src/sign/dsse.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { sealReferenceValues } from '../../src/tee/reference/envelope.ts'
import { writeReferenceValues, type ReferenceValues } from '../../src/tee/reference/values.ts'
import type { TeeEvidence } from '../../src/tee/types.ts'
import { noCollateral, type VerifyContext } from '../../src/tee/verify/verifier.ts'
import { makeCertificate, makeKey } from '../../testkit/tee/pki/pki.ts'
import { digestOf } from '../../testkit/agent.ts'
import { forgedTpm, type ForgedTpmOptions } from '../../testkit/tee/tpm/forged-tpm.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { looseStatement } from '../../testkit/loose-statement.ts'

/** A SYNTHETIC TPM whose maker the rules pin, and an image that was measured on it. */
const at = new Date('2026-06-15T12:00:00Z')
const [root, ak] = [makeKey('P-256'), makeKey('P-256')]
const maker = makeCertificate({ subject: 'Root', issuer: 'Root', key: root, by: root, ca: { pathLength: 0 } })
const certificate = toBase64(makeCertificate({ subject: 'TPM', issuer: 'Root', key: ak, by: root, usage: 0x80 }))
const context: VerifyContext = { at, collateral: noCollateral, rules: { tpm: { ekRoots: [maker] } } }
const image = digestOf('image')
const builderId = 'https://builder.example/runner-images'

function makeBinding(change: Partial<Binding> = {}): Binding {
  const point = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey.export({ format: 'jwk' })
  const xy = { x: String(point.x), y: String(point.y) }
  return {
    type: 'https://sealwright.dev/binding/v1',
    role: 'open',
    key: { kty: 'EC', crv: 'P-256', ...xy },
    'tee-pubkey': { kty: 'EC', crv: 'P-256', alg: 'ECDH-ES+A256KW', ...xy },
    job: {
      assurance: 'token',
      token: digestOf('token'),
      instance: 'a'.repeat(32),
      claims: { run_id: '7', run_attempt: '2', repository: 'o/r' },
    },
    agent: { version: '0.1.0', code: digestOf('code'), source: 'image' },
    boot: { id: 'boot', jobs: 1 },
    journal: { head: digestOf('head'), count: 1 },
    previous: null,
    nonce: { source: 'none', value: '' },
    time: '2026-06-15T12:00:00Z',
    ...change,
  }
}

const reference: ReferenceValues = {
  type: 'https://sealwright.dev/reference-values/v1',
  name: 'runner 1',
  technology: 'tpm',
  covers: ['firmware', 'kernel', 'initrd', 'cmdline', 'rootfs', 'runner', 'agent'],
  storage: 'sealed',
  level: 'agent-exclusive',
  inputs: {},
  values: [{ shape: {}, measured: { pcr4: '04'.repeat(32) } }],
}

async function evidenceOf(binding: Binding, options: ForgedTpmOptions = {}): Promise<TeeEvidence> {
  const machine = forgedTpm({
    keys: ak,
    pcrs: { 4: Buffer.alloc(32, 4) },
    documents: () => ({ 'ak-certificate': certificate }),
    ...options,
  })
  return machine.report(binding, bindingHash(binding))
}

interface Case {
  binding?: Partial<Binding>
  tpm?: ForgedTpmOptions
  level?: number
  reference?: Partial<ReferenceValues> | null
  provenance?: null
}
async function judge(given: Case = {}): Promise<EnvironmentJudgement> {
  const binding = makeBinding(given.binding)
  return judgeEnvironment(
    binding,
    await evidenceOf(binding, given.tpm),
    {
      provenance: given.provenance === null ? null : { builderId, level: given.level ?? 3 },
      reference:
        given.reference === null ? null : { document: { ...reference, ...given.reference }, subject: 'values' },
    },
    context,
  )
}

test('a measured machine whose register holds this build reaches the second level, never the third', async () => {
  const found = await judge()
  expect(found).toMatchObject({ level: 2, extended: true, verdict: { status: 'verified' } })
  expect(found.short).toEqual(["L3: no quote of the host's own boot is to be had in a guest"])
})

test.each<[string, Case, number, string]>([
  ['no provenance', { provenance: null }, 0, 'L1: the image has no provenance'],
  ['a builder of level 1', { level: 1 }, 0, 'L1: its builder is trusted for SLSA Build L1 only'],
  ['a builder of level 2', { level: 2 }, 1, 'L2: the builder of the image is not trusted for SLSA Build L3'],
  ['no reference values', { reference: null }, 1, 'L2: there are no signed reference values'],
  [
    'values that leave out the root file system',
    { reference: { covers: ['firmware', 'kernel', 'agent'] } },
    1,
    'L2: the reference values do not cover rootfs',
  ],
  ['a second job', { binding: { boot: { id: 'boot', jobs: 2 } } }, 1, 'L2: this is job 2 of its boot'],
  ['no log of the register', { tpm: { log: () => null } }, 1, 'L2: the build id is in the report data only'],
  [
    'a start of another job',
    {
      tpm: {
        records: (records, binding) =>
          records.map((record) =>
            record.operation === 'agent-start'
              ? { ...record, content: record.content.replace(jobDigest(binding.job), digestOf('other')) }
              : record,
          ),
      },
    },
    1,
    'L2: the build id is in the report data only',
  ],
  [
    'two starts',
    { tpm: { records: ([start, head]) => (start === undefined || head === undefined ? [] : [start, start, head]) } },
    1,
    'L2: the build id is in the report data only',
  ],
])('%s: no level above', async (_, given, level, why) => {
  const found = await judge(given)
  expect(found.level).toBe(level)
  expect(found.short.join('\n')).toContain(why)
})

test.each<[string, Case, string]>([
  [
    'another measurement',
    { reference: { values: [{ shape: {}, measured: { pcr4: '05'.repeat(32) } }] } },
    'evidence-invalid',
  ],
  [
    'values of another technology',
    { reference: { technology: 'snp', values: [{ shape: {}, measured: { measurement: 'aa'.repeat(48) } }] } },
    'evidence-invalid',
  ],
  ['values that are over', { reference: { 'not-after': '2026-06-01T00:00:00Z' } }, 'expired'],
  ['a seal', { binding: { role: 'seal' } }, 'role-mismatch'],
  ['a TPM that no maker vouches for', { tpm: { documents: () => ({}) } }, 'evidence-invalid'],
])('%s is no such machine', async (_, given, code) => {
  await expect(judge(given)).rejects.toMatchObject({ code })
})

test('evidence of another job is refused', async () => {
  const evidence = await evidenceOf(makeBinding())
  expect(() =>
    judgeEnvironment(
      makeBinding({ boot: { id: 'x', jobs: 1 } }),
      evidence,
      { provenance: null, reference: null },
      context,
    ),
  ).toThrow(expect.objectContaining({ code: 'evidence-invalid' }) as Error)
})

describe('runner attest', () => {
  const pem = (): string =>
    generateKeyPairSync('ec', { namedCurve: 'P-256' }).privateKey.export({ type: 'pkcs8', format: 'pem' }).toString()
  async function files(subject = image, more: object = {}): Promise<{ folder: string; given: Record<string, string> }> {
    const folder = scratch('attest')
    const write = (name: string, bytes: string | Buffer): string => {
      writeFileSync(join(folder, name), bytes)
      return join(folder, name)
    }
    const [builder, control] = [await loadSigner(pem(), null), pem()]
    const binding = makeBinding()
    const statement = looseStatement(
      'provenance',
      { digest: subject },
      { buildDefinition: {}, runDetails: { builder: { id: builderId } } },
    )
    const root64 = maker.toString('base64').replace(/(.{64})/g, '$1\n')
    const policy = {
      version: 1,
      technology: 'tpm',
      job: {
        issuer: 'https://i.example',
        jwks: { keys: [{}] },
        'repository-id': '1',
        workflow: 'w',
        refs: ['r'],
        events: ['e'],
      },
      measurements: [{ name: 'runner 1', values: { pcr4: '04'.repeat(32) } }],
      'accept-machine-only': true,
      'accept-coverage-short': true,
      'accept-storage-exposed': true,
      ...more,
      tee: { tpm: { 'ek-roots': [`-----BEGIN CERTIFICATE-----\n${root64}\n-----END CERTIFICATE-----\n`] } },
    }
    return {
      folder,
      given: {
        evidence: write('evidence.json', jcs({ binding, evidence: await evidenceOf(binding) })),
        image,
        'image-uri': 'https://images.example/runner',
        provenance: write('provenance.json', makeBundle(await signEnvelope(statement, builder), builder.hint)),
        'provenance-key': write('builder.pub', builder.publicKeyPem),
        'builder-id': builderId,
        'builder-level': '3',
        'reference-values': write(
          'values.json',
          await sealReferenceValues(writeReferenceValues(reference), builder, 'values'),
        ),
        'reference-keys': join(folder, 'builder.pub'),
        policy: write('policy.json', JSON.stringify(policy)),
        at: '2026-06-15T12:00:00Z',
        key: write('control.pem', control),
        'verifier-id': 'https://control.example',
        output: join(folder, 'out'),
      },
    }
  }
  const run = (given: Record<string, string>) => {
    const ports = testPorts()
    const inputs = rawInputs({
      given: (name) => given[name],
      defaults: {},
      ports,
      confine: null,
      label: (name) => name,
    })
    return runnerAttest(inputs, { ports, state: openState(join(ports.roots.temp, 's'), ports) })
  }

  test('signs the three statements with the predicate types that the track names', async () => {
    const { folder, given } = await files()
    const { outputs, text } = await run(given)
    expect(outputs['level']).toBe('SLSA_BUILDENV_LEVEL_2')
    expect(text).toContain('BuildEnv L2 (draft track)')
    const { publicKeyPem } = await loadSigner(readFileSync(join(folder, 'control.pem'), 'utf8'), null)
    const read = (name: string): { predicateType: string; subject: { digest: JsonObject }[]; predicate: JsonObject } =>
      JSON.parse(
        verifyEnvelope(
          parseBundle(readFileSync(join(folder, `out/${name}.sigstore.json`))).envelope,
          publicKeyPem,
        ).toString(),
      ) as never
    const [start, dispatch, before] = ['image.vsa', 'dispatch.scai', 'pre-dispatch.vsa'].map(read)
    expect(start?.predicateType).toBe('https://slsa.dev/verification_summary/v1')
    expect(start?.predicate['verifiedLevels']).toEqual(['SLSA_BUILD_LEVEL_3', 'SLSA_BUILDENV_LEVEL_1'])
    expect(before?.predicate['verifiedLevels']).toEqual(['SLSA_BUILDENV_LEVEL_2'])
    expect(before?.predicate['inputAttestations']).toHaveLength(3)
    expect(dispatch?.predicateType).toBe('https://in-toto.io/attestation/scai/v0.3')
    expect(dispatch?.predicate['attributes']).toMatchObject([
      { conditions: { matches: 'runner 1', measured: { pcr4: '04'.repeat(32) } } },
      {
        conditions: {
          buildId: outputs['build-id'],
          runId: '7',
          runAttempt: '2',
          jobOfBoot: 1,
          boundBy: 'report data and runtime register',
        },
      },
    ])
    for (const statement of [start, dispatch, before])
      expect(`sha256:${String(statement?.subject[0]?.digest['sha256'])}`).toBe(image)
  })

  test('without provenance and values it says what it saw, and no level', async () => {
    const { folder, given } = await files()
    const { outputs } = await run({ ...given, provenance: '', 'reference-values': '', 'reference-keys': '' })
    expect(outputs['level']).toBe('SLSA_BUILDENV_LEVEL_0')
    expect(existsSync(join(folder, 'out/dispatch.scai.sigstore.json'))).toBe(true)
    expect(existsSync(join(folder, 'out/image.vsa.sigstore.json'))).toBe(false)
    expect(existsSync(join(folder, 'out/pre-dispatch.vsa.sigstore.json'))).toBe(false)
  })

  test.each<[string, Record<string, string>, string]>([
    ['provenance of another builder', { 'builder-id': 'https://x' }, 'builder-mismatch'],
    ['no policy that pins the maker', { policy: '' }, 'evidence-invalid'],
    ['no digest', { image: 'runner:latest' }, 'input-invalid'],
    ['values without keys', { 'reference-keys': '' }, 'input-missing'],
    ['a time that is none', { at: 'now' }, 'input-invalid'],
    ['no key', { key: '' }, 'input-missing'],
  ])('%s is refused, and nothing is written', async (_, change, code) => {
    const { folder, given } = await files()
    await expect(run({ ...given, ...change })).rejects.toMatchObject({ code })
    expect(existsSync(join(folder, 'out'))).toBe(false)
  })

  test.each<[string, object, string]>([
    ['no measurement', { measurements: undefined }, 'evidence-invalid'],
    ['no word on what the measurement leaves out', { 'accept-coverage-short': undefined }, 'coverage-short'],
    ['a deny list', { deny: { measurements: ['04'.repeat(32)] } }, 'denied'],
    ['a least version that a TPM does not state', { 'minimum-svn': { guestSvn: 1 } }, 'denied'],
  ])('a policy with %s refuses the machine, as the gate would', async (_, change, code) => {
    const { folder, given } = await files(image, change)
    await expect(run(given)).rejects.toMatchObject({ code })
    expect(existsSync(join(folder, 'out'))).toBe(false)
  })

  test('provenance of another image, by another key, and evidence of another form', async () => {
    const { given } = await files(digestOf('another image'))
    await expect(run(given)).rejects.toMatchObject({ code: 'subject-mismatch' })
    const other = await files()
    writeFileSync(other.given['provenance-key'] ?? '', (await loadSigner(pem(), null)).publicKeyPem)
    await expect(run(other.given)).rejects.toMatchObject({ code: 'signature-invalid' })
    writeFileSync(other.given['evidence'] ?? '', '{}')
    await expect(run(other.given)).rejects.toMatchObject({ code: 'file-invalid' })
  })
})
