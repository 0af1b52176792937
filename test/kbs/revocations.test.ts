import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { issuesId } from '../../src/kbs/ended-values.ts'
import { loadSigner } from '../../src/sign/keys.ts'
import { revocationsType, sealRevocations } from '../../src/tee/reference/revocations.ts'
import { startValuesPlace, good, other, pair, pem, type ValuesPlace } from './values-place.ts'

// Values that count no more: signed revocation lists, and documents whose time is over.

const guard = pair()
let place: ValuesPlace
beforeEach(async () => {
  place = await startValuesPlace()
  writeFileSync(join(place.folder, 'guard.pub'), pem(guard.publicKey))
})
afterEach(() => place.close())

async function list(change: Readonly<Record<string, unknown>> = {}, key = guard.privateKey): Promise<string> {
  const path = join(place.folder, `revoked-${place.count()}.json`)
  const value = {
    type: revocationsType,
    name: 'guests',
    sequence: 1,
    'not-before': '2020-01-01T00:00:00Z',
    'not-after': '2999-01-01T00:00:00Z',
    revoked: [{ value: good, reason: 'kernel with a hole' }],
    ...change,
  }
  const signer = await loadSigner(key.export({ type: 'pkcs8', format: 'pem' }).toString(), null)
  writeFileSync(path, await sealRevocations(value, signer, path))
  return `revocations: [{file: ${path}, keys: [${join(place.folder, 'guard.pub')}]}]`
}

const registered = (id = 'snp_launch_measurement') => place.admin.referenceValue(id)

test('a revoked value is refused by the plan, and taken out of the KBS by apply', async () => {
  const a = place.entry(
    await place.sign('a.json', {
      values: [
        { shape: { vcpus: 2 }, measured: { measurement: good } },
        { shape: { vcpus: 4 }, measured: { measurement: other } },
      ],
    }),
  )
  await place.run(a)
  const revoked = await list()
  await expect(place.run(`${a}\n${revoked}`, 'plan')).rejects.toMatchObject({ code: 'revoked' })
  expect(await registered()).toEqual([good, other])
  await expect(place.run(`${a}\n${revoked}`)).rejects.toMatchObject({
    code: 'revoked',
    message: expect.stringMatching(
      /kernel with a hole.*Withdrawn from the KBS: 1 of 2 in reference value snp_launch_measurement/s,
    ),
  })
  expect(await registered()).toEqual([other])
})

test('a value of somebody else is withdrawn too, in the form of its name, and a plan of lists alone does it', async () => {
  await place.admin.setReferenceValue('mr_td', [other, good])
  await place.admin.setReferenceValue('measurement', [Buffer.from(good, 'hex').toString('base64')])
  const result = await place.run(await list())
  expect(await registered('mr_td')).toEqual([other])
  expect(await registered('measurement')).toEqual([])
  expect(JSON.stringify(result)).toContain('issue 1')
})

test.each([
  ['reference-values', `reference-values: {mine: [${good}]}`],
  ['a base64 form', `reference-values: {measurement: ["${Buffer.from(good, 'hex').toString('base64')}"]}`],
])('a revoked value that the plan names itself is refused: %s', async (_, plan) => {
  await expect(place.run(`${plan}\n${await list()}`)).rejects.toMatchObject({ code: 'revoked' })
})

test('a revoked measurement that a resource admits is refused', async () => {
  writeFileSync(join(place.folder, 'key'), 'k'.repeat(32))
  const plan = `resources: [{uri: "kbs:///a/b/c", source: "file:${join(place.folder, 'key')}", admit: [{technology: snp, measurements: [${good}]}]}]`
  await expect(place.run(`${plan}\n${await list()}`, 'apply', '')).rejects.toMatchObject({ code: 'revoked' })
})

test('an older issue, and another one of the same number, are refused; the newest is remembered', async () => {
  await place.run(await list({ sequence: 3 }))
  expect(await registered(issuesId)).toMatchObject({ lists: { guests: { sequence: 3 } } })
  await expect(place.run(await list({ sequence: 2 }))).rejects.toMatchObject({ code: 'rolled-back' })
  await expect(place.run(await list({ sequence: 3, revoked: [] }))).rejects.toMatchObject({ code: 'rolled-back' })
  await place.run(await list({ sequence: 3 }))
  await place.run(await list({ sequence: 4 }))
  expect(await registered(issuesId)).toMatchObject({ lists: { guests: { sequence: 4 } } })
})

test('an older issue takes nothing away', async () => {
  await place.run(await list({ sequence: 2, revoked: [] }))
  await place.admin.setReferenceValue('mr_td', [good])
  for (const mode of ['plan', 'apply'])
    await expect(place.run(await list({ sequence: 1 }), mode)).rejects.toMatchObject({ code: 'rolled-back' })
  expect(await registered('mr_td')).toEqual([good])
})

test('a dry run says what would go, and writes nothing', async () => {
  await place.admin.setReferenceValue('mr_td', [good])
  const result = await place.run(await list(), 'plan')
  expect(JSON.stringify(result)).toContain('1 of 1 in reference value mr_td')
  expect(await registered('mr_td')).toEqual([good])
  expect(await registered(issuesId)).toBeNull()
})

test.each<[string, string, () => Promise<string>]>([
  ['a stale list', 'expired', () => list({ 'not-after': '2020-02-01T00:00:00Z' })],
  ['a list of tomorrow', 'expired', () => list({ 'not-before': '2998-01-01T00:00:00Z' })],
  ['another signer', 'signature-invalid', () => list({}, pair().privateKey)],
  [
    'signed reference values in its place',
    'format-invalid',
    async () => `revocations: [{file: ${await place.sign('a.json')}, keys: [${join(place.folder, 'maker.pub')}]}]`,
  ],
])('%s: refused, and nothing is taken away', async (_, code, plan) => {
  await place.admin.setReferenceValue('mr_td', [good])
  const text = await plan()
  for (const mode of ['plan', 'apply']) await expect(place.run(text, mode)).rejects.toMatchObject({ code })
  expect(await registered('mr_td')).toEqual([good])
})

test.each([
  ['no end', { 'not-after': undefined }],
  ['a capital digit', { revoked: [{ value: good.toUpperCase() }] }],
  ['number 0', { sequence: 0 }],
  ['a member that nobody knows', { hint: 1 }],
  ['an end before its begin', { 'not-after': '2019-01-01T00:00:00Z' }],
])('a list with %s is not signed', async (_, change) => {
  await expect(list(change)).rejects.toMatchObject({ code: 'format-invalid' })
})

test('a document whose time is over is not registered, and what it registered is retired by the next apply', async () => {
  const soon = new Date(Date.now() + 1000 * 60).toISOString().replace(/\.\d+/, '')
  const file = await place.sign('a.json', { 'not-after': soon })
  const b = await place.sign('b.json', { values: [{ shape: {}, measured: { measurement: other } }] })
  const both = `signed-values: [${[file, b].map((one) => place.item(one)).join(', ')}]`
  await place.run(both)
  expect(await registered()).toEqual([good, other])
  place.later(120_000)
  await expect(place.run(both, 'plan')).rejects.toMatchObject({ code: 'expired' })
  expect(await registered()).toEqual([good, other])
  await expect(place.run(both)).rejects.toMatchObject({
    code: 'expired',
    message: expect.stringContaining('Withdrawn from the KBS: 1 of 2 in reference value snp_launch_measurement'),
  })
  expect(await registered()).toEqual([other])
  await expect(place.run(both)).rejects.toMatchObject({ code: 'expired' })
})

test('what another plan wrote, or a document of today vouches for, is not retired by an expired one', async () => {
  const file = await place.sign('a.json', { 'not-after': '2020-01-01T00:00:00Z' })
  await place.admin.setReferenceValue('snp_launch_measurement', [good])
  await expect(place.run(place.entry(file))).rejects.toMatchObject({ code: 'expired' })
  expect(await registered()).toEqual([good])
  const fresh = await place.sign('b.json')
  await place.run(place.entry(fresh))
  await expect(
    place.run(`signed-values: [${[file, fresh].map((one) => place.item(one)).join(', ')}]`),
  ).rejects.toMatchObject({ code: 'expired' })
  expect(await registered()).toEqual([good])
})
