import { findStatements } from '../../src/sign/find.ts'
import { noticeTypes } from '../../src/statement/notices.ts'
import { parseInterval } from '../../src/tasks/archive/interval.ts'
import { scratch } from '../../testkit/ports.ts'
import { byKey, open, place, receiver, type Place } from './support.ts'

const inProduction = { from: '2025-01-01T00:00:00Z', to: '2026-01-01T00:00:00Z' }

async function records(to: string, { digest }: Place): Promise<unknown[]> {
  const { descriptor } = await open(to).getManifest(digest)
  const found = await findStatements(open(to), descriptor, { predicateTypes: [noticeTypes.archive] })
  return found.map(({ statement }) => statement.predicate['inProduction'])
}

test('a promotion to an archive signs when the image was in production, once', async () => {
  const made = await place()
  const to = `oci:${scratch()}`
  const given = { class: 'archive', inProduction, signing: byKey() } as const
  expect(await made.run(to, given)).toMatchObject({
    tagged: true,
    archived: [{ subject: made.digest, state: 'added' }],
  })
  expect(await records(to, made)).toEqual([inProduction])
  expect(await made.run(to, given)).toMatchObject({ archived: [{ state: 'present' }], record: { state: 'present' } })
  expect(await records(to, made)).toHaveLength(1)
})

test('without the interval none is signed, and a dry run signs none', async () => {
  const made = await place()
  const to = `oci:${scratch()}`
  expect((await made.run(to, { class: 'archive', inProduction, signing: byKey(), dryRun: true })).archived).toEqual([])
  expect((await made.run(to, { class: 'archive', signing: byKey() })).archived).toEqual([])
  expect(await records(to, made)).toEqual([])
})

test.each([
  ['another class', { class: 'golden', signing: byKey() }, /not an archive/],
  ['no signer', { class: 'archive' }, /outlives the job/],
] as const)('%s is refused before anything is copied', async (_name, more, message) => {
  const made = await place()
  const to = `oci:${scratch()}`
  const refused = { code: 'input-invalid', subject: 'in-production', message: expect.stringMatching(message) as string }
  await expect(made.run(to, { ...more, inProduction })).rejects.toMatchObject(refused)
  await expect(open(to).tags()).rejects.toMatchObject({ code: 'not-found' })
})

test('a key that signs images signs no archive record', async () => {
  const made = await place()
  const toPolicy = await made.policyWith({ 'release-keys': [receiver.signer.publicKeyPem] })
  const more = { class: 'archive', inProduction, signing: byKey(), reissue: true, toPolicy } as const
  await expect(made.run(`oci:${scratch()}`, more)).rejects.toMatchObject({ subject: 'in-production' })
})

test('an interval has a begin and a later end', () => {
  expect(parseInterval('2025-01-01..2026-01-01', 'in-production')).toEqual(inProduction)
  for (const text of ['2025-01-01', '..2026-01-01', '2026-01-01..2025-01-01', 'a..b'])
    expect(() => parseInterval(text, 'in-production')).toThrow(expect.objectContaining({ code: 'input-invalid' }))
})
