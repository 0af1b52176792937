import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { bundleMediaType } from '../../../src/sign/bundle.ts'
import { putArtifact } from '../../../src/oci/artifact.ts'
import type { Descriptor, Store } from '../../../src/oci/types.ts'
import { attachCosignSignature } from '../../../src/sign/legacy.ts'
import { simpleSigningPayload } from '../../../src/sign/simple-signing.ts'
import { predicateTypes } from '../../../src/statement/types.ts'
import { scratch, testPorts } from '../../../testkit/ports.ts'
import { putImage, storeOf } from '../../oci/store.ts'
import { bom, pemFile, publisher, query, rowsOf, say, stranger, tagsOf } from './support.ts'

let name: string
let store: Store
let images: Descriptor[]
const key = pemFile(publisher)

beforeEach(async () => {
  name = `oci:${scratch('query')}/layout`
  store = storeOf(name, testPorts())
  images = [
    await putImage(store, 'one', 'one'),
    await putImage(store, 'two', 'two'),
    await putImage(store, 'three', 'three'),
  ]
})

test('each row says whether it is verified, and an annotation decides nothing', async () => {
  const [one] = images as [Descriptor]
  const good = await say(store, one, 'rebuild', {}, publisher)
  const foreign = await say(store, one, 'rebuild', {}, stranger)
  const forged = await say(store, one, 'rebuild', {}, stranger, { hint: publisher.signer.hint })
  const elsewhere = await say(store, one, 'rebuild', {}, publisher, { about: `sha256:${'1'.repeat(64)}` })
  const lying = await say(store, one, 'rebuild', { a: 1 }, publisher, { declared: predicateTypes.vsa })
  const garbage = await putArtifact(store, {
    artifactType: bundleMediaType,
    subject: one,
    layers: [{ mediaType: bundleMediaType, bytes: Buffer.from('{') }],
  })
  const rows = rowsOf(await query(name, '--predicate', 'rebuild', '--public-key', key))
  expect(Object.fromEntries(rows.map(({ manifest, verdict }) => [manifest, verdict]))).toEqual({
    [good.digest]: 'verified',
    [lying.digest]: 'verified',
    [foreign.digest]: 'unverified',
    [forged.digest]: 'invalid',
    [elsewhere.digest]: 'invalid',
    // What cannot be read may be the statement that is asked for.
    [garbage.digest]: 'invalid',
  })
  expect(rows.find(({ manifest }) => manifest === lying.digest)?.notes).toEqual([
    `the annotation says ${predicateTypes.vsa}`,
  ])
  // Without anybody named nothing is verified.
  expect(new Set(rowsOf(await query(name, '--predicate', 'rebuild')).map(({ verdict }) => verdict))).toEqual(
    new Set(['unverified', 'invalid']),
  )
  expect(
    rowsOf(await query(name, '--predicate', 'rebuild', '--public-key', key, '--verdict', 'verified')),
  ).toHaveLength(2)
  expect((await query(name, '--predicate', 'vsa', '--public-key', key, '--verdict', 'verified')).code).toBe(1)
})

test('a repository, one tag, a list; found is 0, nothing found is 1, a typed tag that is absent is an error', async () => {
  for (const image of images) await say(store, image, 'rebuild', {}, publisher)
  expect(tagsOf(await query(name, '--predicate', 'rebuild'))).toEqual(['one', 'three', 'two'])
  expect(tagsOf(await query(`${name}:two`, '--predicate', 'rebuild'))).toEqual(['two'])
  const list = join(scratch('list'), 'images.txt')
  writeFileSync(list, `# two images\n${name}:one\n${name}:two\n`)
  expect(tagsOf(await query(`@${list}`, '--predicate', 'rebuild'))).toEqual(['one', 'two'])
  expect((await query(name, '--predicate', 'rebuild')).code).toBe(0)
  expect((await query(name, '--predicate', 'spdx')).code).toBe(1)
  expect(await query(`${name}:four`)).toMatchObject({ code: 2, error: { code: 'not-found' } })
  // Two tags of one image are one answer.
  await store.tag('again', images[0]!.digest)
  expect((await query(name, '--predicate', 'rebuild')).outputs.images.map(({ tags }) => tags)).toContainEqual([
    'again',
    'one',
  ])
})

test('signer, time and type choose; the newest of a signer is not displaced by a stranger', async () => {
  const [one] = images as [Descriptor]
  const said = (serial: number, issued: string): object => ({ status: 'active', serial, issued })
  await say(store, one, 'status', said(1, '2026-01-01T00:00:00Z') as never, publisher)
  const newest = await say(store, one, 'status', said(2, '2026-02-01T00:00:00Z') as never, publisher)
  const foreign = await say(store, one, 'status', said(3, '2030-01-01T00:00:00Z') as never, stranger)
  const forged = await say(store, one, 'status', said(4, '2031-01-01T00:00:00Z') as never, stranger, {
    hint: publisher.signer.hint,
  })
  const digests = async (...args: string[]): Promise<string[]> =>
    rowsOf(await query(name, '--predicate', 'status', '--public-key', key, ...args)).map(({ manifest }) => manifest)
  expect((await digests('--latest')).sort()).toEqual([newest.digest, foreign.digest, forged.digest].sort())
  expect(await digests('--latest', '--verdict', 'verified')).toEqual([newest.digest])
  expect(await digests('--since', '2026-01-15', '--until', '2026-12-31')).toEqual([newest.digest])
  expect(await digests('--trusted-time')).toEqual([])
  expect(await digests('--signer', pemFile(stranger))).toEqual([foreign.digest])
  expect((await digests('--signer', key, '--verdict', 'verified', '--newest', '2')).length).toBe(2)
  const hex = Buffer.from(stranger.signer.hint, 'base64').toString('hex')
  expect(await digests('--signer', `sha256:${hex}`)).toEqual([foreign.digest])
  expect(await digests('--identity', '*', '--issuer', '*')).toEqual([])
  expect(await digests('--type', 'application/vnd.cncf.*')).toEqual([])
})

test('a cosign signature is verified, and one over another image is invalid', async () => {
  const [one, two] = images as [Descriptor, Descriptor]
  const signed = async (image: Descriptor, digest: Descriptor['digest'], by = publisher): Promise<void> => {
    const payload = simpleSigningPayload({ dockerReference: 'a/b', digest })
    await attachCosignSignature(store, image, [{ payload, signature: await by.signer.sign(payload) }])
  }
  await signed(one, one.digest)
  await signed(two, one.digest)
  const three = images[2]!
  await signed(three, three.digest, stranger)
  const { images: found } = (
    await query(name, '--verdict', 'verified', '--verdict', 'invalid', '--verdict', 'unverified', '--public-key', key)
  ).outputs
  expect(found.map(({ tags, rows }) => [tags[0], ...rows.map(({ verdict }) => verdict)]).sort()).toEqual([
    ['one', 'verified'],
    ['three', 'unverified'],
    ['two', 'invalid'],
  ])
})

test('a repository without a tagged image is an error where it was typed, and is named where a list has it', async () => {
  const folder = scratch('query')
  const empty = `oci:${folder}/empty`
  await storeOf(empty, testPorts()).putBlob({ bytes: Buffer.from('x') })
  writeFileSync(join(folder, 'list.txt'), `${name}\n${empty}\n`)
  expect(await query(empty)).toMatchObject({ code: 2, error: { code: 'not-found' } })
  expect(await query(name, empty)).toMatchObject({ code: 2 })
  const listed = await query(`@${join(folder, 'list.txt')}`, '--predicate', 'sign')
  expect([listed.code, listed.outputs.empty]).toEqual([1, [`oci:${folder}/empty`]])
  expect((await query(name, '--predicate', 'sign')).outputs.empty).toEqual([])
})

test('images are chosen by their effective status; without anybody named that is an error', async () => {
  const [one, two, three] = images as [Descriptor, Descriptor, Descriptor]
  const revoked = {
    status: 'revoked',
    serial: 1,
    issued: '2026-01-01T00:00:00Z',
    from: '2026-01-01T00:00:00Z',
    reason: 'leaked',
  }
  await say(store, one, 'status', revoked, publisher)
  await say(store, two, 'status', revoked, stranger)
  await say(store, three, 'status', { status: 'active', serial: 1, issued: '2026-01-01T00:00:00Z' }, publisher)
  const answer = await query(name, '--status', 'revoked', '--public-key', key)
  expect([tagsOf(answer), answer.outputs.images[0]?.status]).toEqual([['one'], 'revoked'])
  expect(answer.text).toContain('revoked from 2026-01-01T00:00:00Z: leaked')
  expect(tagsOf(await query(name, '--status', 'none', '--public-key', key))).toEqual(['two'])
  expect(tagsOf(await query(name, '--status', 'none', '--status', 'active', '--public-key', key))).toEqual([
    'three',
    'two',
  ])
  expect(await query(name, '--status', 'revoked')).toMatchObject({ code: 2, error: { code: 'input-missing' } })
})

test('images with a package that were in production: an archive interval wins over the beginning of a promotion', async () => {
  const [one, two, three] = images as [Descriptor, Descriptor, Descriptor]
  const archive = (from: string, to: string): object => ({
    archived: '2026-09-01T00:00:00Z',
    inProduction: { from, to },
  })
  for (const image of images) await say(store, image, 'cyclonedx', bom('pkg:npm/left-pad@1.3.0'), publisher)
  await say(store, one, 'archive', archive('2026-01-01T00:00:00Z', '2026-03-01T00:00:00Z') as never, publisher)
  await say(store, two, 'archive', archive('2026-01-01T00:00:00Z', '2026-08-01T00:00:00Z') as never, stranger)
  const place = { name: 'a/b' }
  const promotion = {
    promotedOn: '2026-02-01T00:00:00Z',
    from: place,
    to: place,
    policy: { digest: one.digest },
    verdict: { digest: one.digest, builder: 'x', signers: [], exceptions: [] },
    copied: [],
    leftBehind: [],
    class: null,
    supersedes: [],
  }
  await say(store, one, 'promotion', { ...promotion, environment: 'prod' }, publisher)
  await say(store, three, 'promotion', { ...promotion, environment: 'prod' }, publisher)
  const asked = (period: string, ...args: string[]): Promise<string[]> =>
    query(name, '--package', 'pkg:npm/left-pad@<2', '--in-production', period, ...args).then(tagsOf)
  expect(await asked('2026-02-15..2026-02-20', '--public-key', key)).toEqual(['one', 'three'])
  // The archive record says that it ended; the promotion of three has no end.
  expect(await asked('2026-06-01..', '--public-key', key)).toEqual(['three'])
  expect(await asked('..2025-12-31', '--public-key', key)).toEqual([])
  // Nobody was named: whoever pushed is believed, and each row says so.
  expect(await asked('2026-06-01..2026-06-02')).toEqual(['three', 'two'])
  const { outputs } = await query(name, '--in-production', '2026-02-15..', '--public-key', key)
  expect(outputs.images.flatMap(({ rows }) => rows.map(({ predicateType }) => predicateType)).sort()).toEqual([
    'https://sealwright.dev/archive/v1',
    'https://sealwright.dev/promotion/v1',
    'https://sealwright.dev/promotion/v1',
  ])
  expect(await query(name, '--in-production', '2026-02-15')).toMatchObject({
    code: 2,
    error: { subject: 'in-production' },
  })
  expect(await query(name, '--in-production', '2026-03-01..2026-01-01')).toMatchObject({ code: 2 })
})

test('an SBOM that cannot be read is an answer to a package, never silence', async () => {
  const [one, two] = images as [Descriptor, Descriptor]
  await say(store, one, 'cyclonedx', { bomFormat: 'CycloneDX', specVersion: '9.9' }, publisher)
  await say(store, two, 'cyclonedx', bom('pkg:npm/other@1.0.0'), publisher)
  const answer = await query(name, '--package', 'pkg:npm/left-pad', '--public-key', key)
  expect(tagsOf(answer)).toEqual(['one'])
  expect(rowsOf(answer)[0]?.notes[0]).toMatch(/^cannot be searched: /)
})

test('a policy counts a status by its own keys alone', async () => {
  const { policyOf, publisher: status } = await import('../../status/support.ts')
  const { queryTrust } = await import('../../../src/tasks/query/trust.ts')
  const trust = queryTrust(await policyOf(), [])
  const hints = (type: string): string[] => trust.of(type).keys.map(({ key: { hint } }) => hint)
  expect(hints('https://sealwright.dev/status/v1')).toEqual([status.signer.hint])
  expect(hints(predicateTypes.provenance)).not.toContain(status.signer.hint)
  expect(hints('https://sealwright.dev/archive/v1')).toEqual([])
  expect(hints(predicateTypes.vsa)).toEqual([])
})

test('words that are not known, and foreign text in each form', async () => {
  await say(store, images[0]!, 'rebuild', {}, publisher, { declared: '=cmd|"\u001b[31m' })
  for (const [option, value] of [
    ['--predicate', 'provenanc'],
    ['--status', 'revokd'],
    ['--verdict', 'good'],
    ['--newest', '0'],
    ['--package', 'openssl'],
    ['--package', 'pkg:npm/a@1.0,<2'],
  ] as const)
    expect(await query(name, option, value, '--public-key', key)).toMatchObject({
      code: 2,
      error: { code: 'input-invalid' },
    })
  for (const format of ['text', 'csv']) {
    const { text } = await query(name, '--format', format)
    expect(text).toContain('u001b')
    expect(text).not.toContain('\u001b')
  }
  const { text } = await query(name, '--format', 'csv')
  expect(text.split('\r\n')[0]).toMatch(/^"store","tags","image"/)
  expect(JSON.parse((await query(name, '--format', 'json')).text)).toMatchObject({
    looked: { images: 3, statements: 1 },
  })
})
