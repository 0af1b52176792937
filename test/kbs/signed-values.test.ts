import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { good, other, pair, pem, rest, startValuesPlace, type ValuesPlace } from './values-place.ts'

// Signed documents of reference values on a KBS that is not embedded.

const stranger = pair()
let place: ValuesPlace

beforeEach(async () => {
  place = await startValuesPlace()
  writeFileSync(join(place.folder, 'stranger.pub'), pem(stranger.publicKey))
})

afterEach(() => place.close())

const run: ValuesPlace['run'] = (...given) => place.run(...given)
const sign: ValuesPlace['sign'] = (...given) => place.sign(...given)
const entry: ValuesPlace['entry'] = (...given) => place.entry(...given)

test('signed values are registered under the names of Trustee, and withdrawn when the plan names them no more', async () => {
  await run(entry(await sign('a.json')))
  expect(await place.admin.referenceValue('snp_launch_measurement')).toEqual([good])
  await run('reference-values: {}')
  expect(await place.admin.referenceValue('snp_launch_measurement')).toEqual([])
})

test('several documents fill one list', async () => {
  const a = await sign('a.json')
  const b = await sign('b.json', { values: [{ shape: { vcpus: 4 }, measured: { measurement: other } }] })
  const keys = `keys: [${join(place.folder, 'maker.pub')}], technologies: [snp]`
  await run(`signed-values: [{file: ${a}, ${keys}}, {file: ${b}, ${keys}}]`)
  expect(await place.admin.referenceValue('snp_launch_measurement')).toEqual([good, other])
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
      return `signed-values: [${place.item(await sign('a.json'))}, ${place.item(b, `, revoked: [${good}]`)}]`
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
  ['a file that is not there', 'file-missing', () => Promise.resolve(entry(join(place.folder, 'none.json')))],
])('%s: refused, and nothing is written', async (_, code, plan) => {
  const text = await plan()
  for (const mode of ['plan', 'apply']) await expect(run(text, mode)).rejects.toMatchObject({ code })
  expect(await place.admin.referenceValue('snp_launch_measurement')).toBeNull()
})

const revokedGuests = `[{technology: snp, measurements: [${other}]}]`
test.each([
  ['a rule', `resources: [{uri: "kbs:///a/b/c", source: kept, admit: ${revokedGuests}}]`],
  ['an image policy', `image-policy: {images: [{image: r.example/a, key: "kbs:///a/b/k"}], admit: ${revokedGuests}}`],
])('%s for guests of a revoked measurement is refused', async (_, member) => {
  const text = `${entry(await sign('a.json'), `, revoked: [${other}]`)}\n${member}`
  for (const mode of ['plan', 'apply']) await expect(run(text, mode, '')).rejects.toMatchObject({ code: 'revoked' })
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
  expect(await place.admin.referenceValue('snp_launch_measurement')).toBeNull()
  const result = await run(`${generate}\nreference-values:\n${rest.map((line) => `  ${line}`).join('\n')}`)
  expect(await place.admin.referenceValue('snp_launch_measurement')).toEqual([good])
  expect(JSON.stringify(result)).toContain('not probed live')
})
