import { generateKeyPairSync, type KeyObject } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { door } from '../../src/actions/kbs-publish/main.ts'
import { openState } from '../../src/agent/state.ts'
import type { ActionResult } from '../../src/doors/context.ts'
import { rawInputs } from '../../src/doors/raw-inputs.ts'
import { adminToken } from '../../src/kbs/admin-token.ts'
import { parsePlan } from '../../src/kbs/plan.ts'
import type { Plan } from '../../src/kbs/plan-schema.ts'
import { refuseRevoked, revokedBy } from '../../src/kbs/revoked.ts'
import { kbsAdmin, type KbsAdmin } from '../../src/kbs/client.ts'
import { startKbs } from '../../src/kbs-server/server.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { sealReferenceValues } from '../../src/tee/reference/envelope.ts'
import { referenceValuesType, writeReferenceValues, type ReferenceValues } from '../../src/tee/reference/values.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

// Signed documents of reference values on a KBS that is not embedded.

const good = 'ab'.repeat(48)
const other = 'cd'.repeat(48)
const pair = (): { privateKey: KeyObject; publicKey: KeyObject } => generateKeyPairSync('ec', { namedCurve: 'P-256' })
const maker = pair()
const stranger = pair()
const pem = (key: KeyObject): string => key.export({ type: 'spki', format: 'pem' }) as string

const document = (change: Partial<ReferenceValues> = {}): ReferenceValues => ({
  type: referenceValuesType,
  name: 'guest-2026.1',
  technology: 'snp',
  covers: ['firmware', 'kernel'],
  storage: 'sealed',
  level: 'machine-only',
  inputs: {},
  values: [{ shape: { vcpus: 2 }, measured: { measurement: good } }],
  ...change,
})

const rest = [
  'snp_bootloader: [4]',
  'snp_microcode: [209]',
  'snp_snp_svn: [20]',
  'snp_tee_svn: [0]',
  'snp_smt_enabled: true',
  'snp_tsme_enabled: false',
  'snp_guest_abi_major: 0',
  'snp_guest_abi_minor: 31',
  'snp_single_socket: false',
  'snp_smt_allowed: true',
]

let admin: KbsAdmin
let run: (plan: string, mode?: string) => Promise<ActionResult>
let close: () => Promise<void>
let folder: string

beforeEach(async () => {
  const ports = testPorts()
  const directory = scratch('signed-values')
  const kbs = await startKbs({ directory, listen: '127.0.0.1:0', ports })
  admin = kbsAdmin(
    kbs.url,
    adminToken(kbs.keys.admin.export({ type: 'pkcs8', format: 'pem' }) as string, ports.clock),
    ports,
  )
  folder = scratch('signed-values-job')
  writeFileSync(join(folder, 'maker.pub'), pem(maker.publicKey))
  writeFileSync(join(folder, 'stranger.pub'), pem(stranger.publicKey))
  const state = openState(join(folder, 'state'), ports)
  run = async (plan, mode = 'apply') => {
    writeFileSync(join(folder, 'plan.yml'), `version: 1\nresource-policy: leave\n${plan}\n`)
    const given: Record<string, string> = {
      'kbs-url': kbs.url,
      'admin-key': join(directory, 'admin-key.pem'),
      plan: join(folder, 'plan.yml'),
      mode,
    }
    const inputs = { given: (name: string) => given[name], defaults: {}, ports, confine: null }
    return door.run(rawInputs({ ...inputs, label: (name) => name }), { ports, state })
  }
  close = () => kbs.close()
})

afterEach(() => close())

async function sign(name: string, change: Partial<ReferenceValues> = {}, key = maker.privateKey): Promise<string> {
  const path = join(folder, name)
  const signer = await loadSigner(key.export({ type: 'pkcs8', format: 'pem' }) as string, null)
  writeFileSync(path, await sealReferenceValues(writeReferenceValues(document(change)), signer, name))
  return path
}

const entry = (file: string, more = '', key = 'maker.pub'): string =>
  `signed-values: [{file: ${file}, keys: [${join(folder, key)}], technologies: [snp]${more}}]`

test('signed values are registered under the names of Trustee, and withdrawn when the plan names them no more', async () => {
  await run(entry(await sign('a.json')))
  expect(await admin.referenceValue('snp_launch_measurement')).toEqual([good])
  await run('reference-values: {}')
  expect(await admin.referenceValue('snp_launch_measurement')).toEqual([])
})

test('several documents fill one list', async () => {
  const a = await sign('a.json')
  const b = await sign('b.json', { values: [{ shape: { vcpus: 4 }, measured: { measurement: other } }] })
  const keys = `keys: [${join(folder, 'maker.pub')}], technologies: [snp]`
  await run(`signed-values: [{file: ${a}, ${keys}}, {file: ${b}, ${keys}}]`)
  expect(await admin.referenceValue('snp_launch_measurement')).toEqual([good, other])
})

test.each<[string, string, () => Promise<string>]>([
  ['another signer', 'signature-invalid', async () => entry(await sign('a.json', {}, stranger.privateKey))],
  ['a key that did not sign', 'signature-invalid', async () => entry(await sign('a.json'), '', 'stranger.pub')],
  [
    'values that counted until yesterday',
    'expired',
    async () => entry(await sign('a.json', { 'not-after': '2020-01-01T00:00:00Z' })),
  ],
  ['values of tomorrow', 'expired', async () => entry(await sign('a.json', { 'not-before': '2999-01-01T00:00:00Z' }))],
  [
    'another technology',
    'denied',
    async () =>
      entry(
        await sign('a.json', {
          technology: 'tpm',
          covers: ['kernel'],
          values: [{ shape: {}, measured: { pcr11: 'ab'.repeat(32) } }],
        }),
      ),
  ],
  ['another image', 'denied', async () => entry(await sign('a.json'), ', images: [other-image]')],
  ['a revoked value', 'revoked', async () => entry(await sign('a.json'), `, revoked: [${good}]`)],
  [
    'a value that the entry of another document revokes',
    'revoked',
    async () => {
      const b = await sign('b.json', { values: [{ shape: { vcpus: 4 }, measured: { measurement: other } }] })
      const keys = `keys: [${join(folder, 'maker.pub')}], technologies: [snp]`
      return `signed-values: [{file: ${await sign('a.json')}, ${keys}}, {file: ${b}, ${keys}, revoked: [${good}]}]`
    },
  ],
  [
    'a revoked value that the plan registers itself',
    'revoked',
    async () => `${entry(await sign('a.json'), `, revoked: [${other}]`)}\nreference-values: {mine: {x: [${other}]}}`,
  ],
  [
    'a revoked value in the form of another claim',
    'revoked',
    async () => {
      const base64 = Buffer.from(other, 'hex').toString('base64')
      return `${entry(await sign('a.json'), `, revoked: [${other}]`)}\nreference-values: {measurement: ["${base64}"]}`
    },
  ],
  [
    'a name that the plan gives too',
    'file-invalid',
    async () => `${entry(await sign('a.json'))}\nreference-values: {snp_launch_measurement: [${other}]}`,
  ],
  ['a file that is not there', 'file-missing', () => Promise.resolve(entry(join(folder, 'none.json')))],
])('%s: refused, and nothing is written', async (_, code, plan) => {
  const text = await plan()
  for (const mode of ['plan', 'apply']) await expect(run(text, mode)).rejects.toMatchObject({ code })
  expect(await admin.referenceValue('snp_launch_measurement')).toBeNull()
})

test('a rule for guests of a revoked measurement is refused', async () => {
  const admit = (value: string): string => `[{technology: snp, measurements: [${good}, ${value}]}]`
  const plan = async (text: string): Promise<Plan> =>
    parsePlan(
      `version: 1\nsigned-values: [{file: a, keys: [a], technologies: [snp], revoked: [${other}]}]\n${text}`,
      'p',
    )
  const refused = async (text: string): Promise<void> => {
    const one = await plan(text)
    refuseRevoked(one, revokedBy(one))
  }
  const rule = (value: string): string => `resources: [{uri: "kbs:///a/b/c", source: kept, admit: ${admit(value)}}]`
  const images = (value: string): string =>
    `image-policy: {images: [{image: r.example/a, key: "kbs:///a/b/k"}], admit: ${admit(value)}}`
  for (const text of [rule, images]) {
    await expect(refused(text(other))).rejects.toMatchObject({ code: 'revoked' })
    await expect(refused(text('ef'.repeat(48)))).resolves.toBeUndefined()
  }
})

test('values that no policy of Trustee reads are refused by name', async () => {
  const values = [{ shape: {}, measured: { 'host-data': 'ab'.repeat(32) } }]
  await expect(run(entry(await sign('a.json', { values })))).rejects.toMatchObject({ code: 'file-invalid' })
})

test('the attestation policy is made of the same document, and only when all of it is filled', async () => {
  const signed = entry(await sign('a.json'))
  const generate = `attestation-policy: generate\n${signed}`
  await expect(run(generate)).rejects.toMatchObject({
    code: 'file-invalid',
    message: expect.stringContaining('snp_tee_svn is missing'),
  })
  expect(await admin.referenceValue('snp_launch_measurement')).toBeNull()
  const result = await run(`${generate}\nreference-values:\n${rest.map((line) => `  ${line}`).join('\n')}`)
  expect(await admin.referenceValue('snp_launch_measurement')).toEqual([good])
  expect(JSON.stringify(result)).toContain('not probed live')
})
