import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { copyGraph } from '../../src/oci/copy-graph.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import type { Descriptor, Digest, Store } from '../../src/oci/types.ts'
import { attachBundle } from '../../src/sign/attach.ts'
import { predicateTypes } from '../../src/statement/types.ts'
import { gcText } from '../../src/report/graph/gc.ts'
import { purgeArchive, type Purged } from '../../src/tasks/archive/purge.ts'
import { gcReport } from '../../src/tasks/graph/gc-report.ts'
import { recordArchive, type Archived, type ArchiveRequest } from '../../src/tasks/archive/record.ts'
import { parsePolicy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verdictLines } from '../../src/verify/verdict-lines.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { makeKey, type ChainKey } from '../../testkit/chain.ts'
import { checkOf, judge, make, now, ports, type Made } from '../../testkit/judged.ts'
import { fakeHttp, scratch } from '../../testkit/ports.ts'
import { bundleBytes, payloadOf, signKeyless } from '../../testkit/sigstore/bundle.ts'
import {
  actionsIssuer,
  makeLeaf,
  makeSigstore,
  signedAt,
  trustedRootOf,
  workflowSan,
} from '../../testkit/sigstore/instance.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'
import { attachNotice } from '../../testkit/status.ts'
import { door } from '../cli/tee/door.ts'

const keeper = makeKey()
const stranger = makeKey()
const years = (count: number): Date => new Date(now.getTime() + count * 365 * 86_400_000)
const pemOf = ({ key }: ChainKey): string => key.export({ format: 'pem', type: 'pkcs8' }).toString()
const signing = (by: ChainKey) => ({ key: { kind: 'pem', text: pemOf(by), passwords: [] }, timestamp: null }) as const
const inProduction = { from: '2026-01-01T00:00:00Z', to: '2026-11-01T00:00:00Z' }
const open = (text: string): Store => openStore(parseReference(text, '/'), ports)

const record = (image: string, more: Partial<ArchiveRequest> = {}): Promise<Archived[]> =>
  recordArchive({ image, inProduction, keys: [], signing: signing(keeper), ...more }, ports)
const purge = (image: string, by = keeper): Promise<Purged> => purgeArchive({ image, signing: signing(by) }, ports)

/** What a reader asks years later: evidence of any age, and the archive's own word on what is gone. */
const later = {
  'max-age': '3650d',
  archive: { keys: [keeper.signer.publicKeyPem] },
  'accept-purged-layers': true,
}

/** The layout in which an image lies alone. */
const layoutOf = ({ reference }: Made): string => reference.slice(0, reference.indexOf('@'))
const layersOf = async ({ store, base }: Made): Promise<Digest[]> => {
  const { content } = await store.getManifest(base.subject.digest)
  return 'layers' in content ? content.layers.map(({ digest }) => digest) : []
}

test('an image whose layers are purged verifies five years on, and the verdict says what was not checked', async () => {
  const made = await make()
  const image = `${layoutOf(made)}:latest`
  await record(image)
  const { layers, shared } = await purge(image)
  expect([layers, shared]).toEqual([await layersOf(made), []])
  expect(await made.store.hasBlob(layers[0]!)).toBe(false)

  const verdict = await judge(made, later, { at: years(5) })
  expect(verdict.reasons).toEqual([])
  expect(verdict.exceptions).toContain('accept-purged-layers')
  expect(checkOf(verdict, 'content.layers')).toMatchObject({ status: 'accepted', reason: 'not-checked' })
  expect(checkOf(verdict, 'content.layers').why).toMatch(
    /^archived: layers purged on .* \(1 of 1\), .*in production from 2026-01-01T00:00:00Z to 2026-11-01T00:00:00Z/,
  )
  for (const id of ['content.inventory', 'content.packages', 'content.complete'])
    expect(checkOf(verdict, id)).toMatchObject({ status: 'skipped', why: 'the content was not read' })

  // Never silently: without the line it is refused, and without anybody who keeps the archive a layer is just missing.
  expect((await judge(made, { ...later, 'accept-purged-layers': undefined }, { at: years(5) })).reasons).toEqual([
    'not-checked',
  ])
  const nobody = { 'max-age': '3650d' }
  expect((await judge(made, nobody, { at: years(5) })).reasons).toContain('missing-blob')
  // And a policy for today's images still refuses evidence of five years ago.
  expect((await judge(made, { ...later, 'max-age': '30d' }, { at: years(5) })).reasons).toContain('expired')
})

test('a terminal says that layers were purged, and a report on the layout does not take them for damage', async () => {
  const made = await make()
  const image = `${layoutOf(made)}:latest`
  await record(image)
  const before = await gcReport(open(layoutOf(made)), null)
  const { layers, bytes } = await purge(image)
  const verdict = await judge(made, later)
  expect(verdictLines(verdict)[0]).toMatch(/^archived: layers purged on \d{4}-/)
  const refused = verdictLines(await judge(made, { ...later, 'accept-purged-layers': undefined }))
  expect(refused[0]).toMatch(/^not-checked: archived: layers purged on/)
  const report = await gcReport(open(layoutOf(made)), null)
  expect(report.missing).toEqual(layers.map((digest) => ({ digest, parent: made.base.subject.digest, purged: true })))
  const bytesOf = ({ kinds }: typeof report): number => kinds.find(({ kind }) => kind === 'image')?.bytes ?? 0
  expect(bytesOf(before) - bytesOf(report)).toBe(bytes)
  expect(gcText(report)).toContain('Layers that were purged')
  expect(gcText(report)).not.toContain('Blobs that are missing')
  // A blob that is lost without a record is damage.
  const other = await make()
  const { removeBlob } = await import('../../src/oci/layout-files.ts')
  for (const layer of await layersOf(other)) await removeBlob(layoutOf(other).slice(4), layer)
  const damaged = await gcReport(open(layoutOf(other)), null)
  expect(damaged.missing).toMatchObject([{ purged: false }])
  expect(gcText(damaged)).toContain('Blobs that are missing')
  expect(verdictLines(await judge(other, later)).join()).not.toContain('archived')
})

test('what was purged is what the record says: another lost layer is missing', async () => {
  const made = await make()
  const image = `${layoutOf(made)}:latest`
  await record(image)
  const { layers } = await purge(image)
  const other = await make()
  const predicate = { archived: '2026-11-02T00:00:00Z', inProduction, purged: { time: '2026-11-02T00:00:00Z', layers } }
  // The record names layers of another image, or is by a stranger.
  await attachNotice(
    'archive',
    other.store,
    other.base.subject,
    { ...predicate, purged: { ...predicate.purged, layers: [`sha256:${'a'.repeat(64)}`] } },
    keeper,
  )
  await attachNotice(
    'archive',
    other.store,
    other.base.subject,
    { ...predicate, purged: { ...predicate.purged, layers: await layersOf(other) } },
    stranger,
  )
  expect((await judge(other, later)).reasons).toEqual([])
  const { removeBlob } = await import('../../src/oci/layout-files.ts')
  for (const layer of await layersOf(other)) await removeBlob(layoutOf(other).slice(4), layer)
  expect((await judge(other, later)).reasons).toContain('missing-blob')
})

test('an encrypted image names where its key is kept', async () => {
  const made = await make({ encrypted: true })
  const image = `${layoutOf(made)}@${made.base.subject.digest}`
  await record(image, { keys: [{ uri: 'kbs:///team/image-key/app', until: '2036-01-01T00:00:00Z' }] })
  await purge(image)
  const verdict = await judge(made, later, { at: years(5) })
  expect(checkOf(verdict, 'content.layers').why).toContain(
    'its key is kept at kbs:///team/image-key/app until 2036-01-01T00:00:00Z',
  )
})

test('certificates may have expired long ago: their time stamps say that they were good', async () => {
  const sigstore = makeSigstore()
  const layout = join(scratch('archive'), 'layout')
  const store = open(`oci:${layout}`)
  const subject = await putSmallImage(store, smallFiles)
  const payload = payloadOf([{ digest: { sha256: subject.digest.slice(7) } }], predicateTypes.sign)
  const bundle = bundleBytes(signKeyless(sigstore, makeLeaf(sigstore), { payload }))
  await attachBundle(store, subject, bundle, predicateTypes.sign)
  await record(`oci:${layout}`)
  await purge(`oci:${layout}`)
  const policy = await parsePolicy(
    JSON.stringify({
      version: 1,
      identities: [{ name: 'release', issuer: actionsIssuer, san: workflowSan }],
      'trusted-root': 'root.json',
      statements: ['sign'],
      'accept-signature-only': true,
      'accept-not-rebuilt': true,
      'accept-unproven-time': true,
      ...later,
    }),
    '/policy.yml',
    () => Promise.resolve(trustedRootOf(sigstore)),
  )
  // Nothing is contacted: a port that answers no request.
  const offline = { ...ports, http: fakeHttp(() => Promise.reject(new Error('no network'))) }
  const at = new Date(signedAt.getTime() + 5 * 365 * 86_400_000)
  const verdict: Verdict = await verifyImage(`oci:${layout}`, policy, { at }, offline)
  expect([verdict.reasons, verdict.keys]).toEqual([[], ['release']])
})

test('recording and purging again changes nothing; layers of other images stay', async () => {
  const made = await make()
  const image = `${layoutOf(made)}:latest`
  const other = await putSmallImage(made.store, { 'other.txt': 'other' }, 'other')
  expect((await record(image)).map(({ state }) => state)).toEqual(['added'])
  expect((await record(image)).map(({ state }) => state)).toEqual(['present'])
  // A second image with the same layer.
  const { content, bytes } = await made.store.getManifest(made.base.subject.digest)
  const twin = Buffer.from(bytes.toString('utf8').replace(/\}$/, ',"annotations":{"a":"b"}}'))
  await made.store.putManifest(twin, content.mediaType, { tag: 'twin' })
  expect(await purge(image)).toEqual({ layers: [], shared: await layersOf(made), bytes: 0 })
  expect((await judge(made)).verified).toBe(true)

  const copy = `oci:${join(scratch('again'), 'layout')}`
  await copyGraph(made.store, open(copy), made.base.subject.digest, { tag: 'latest' })
  const first = await purge(`${copy}:latest`)
  expect([first.layers, first.bytes > 0]).toEqual([await layersOf(made), true])
  const names = async (): Promise<number> => (await open(copy).referrers(made.base.subject.digest)).length
  const before = await names()
  expect(await purge(`${copy}:latest`)).toEqual({ ...first, bytes: 0 })
  expect(await names()).toBe(before)
  expect(await made.store.resolve({ digest: other.digest })).not.toBeNull()
})

test('nothing is purged without a record of the same signer, by a key that signed the image, or in a registry', async () => {
  const made = await make()
  const image = `${layoutOf(made)}:latest`
  await expect(purge(image)).rejects.toMatchObject({ code: 'not-found' })
  await record(image)
  await expect(purge(image, stranger)).rejects.toMatchObject({ code: 'not-found' })
  await expect(purge(`127.0.0.1:1/app@sha256:${'a'.repeat(64)}`)).rejects.toMatchObject({ code: 'unsupported' })
  const key = makeKey()
  const own = await make({ key })
  await expect(record(`${layoutOf(own)}:latest`, { signing: signing(key) })).rejects.toMatchObject({
    code: 'input-invalid',
    subject: 'key',
  })
  expect((await judge(made)).verified).toBe(true)
})

test('a policy that accepts purged layers names whose word that is', async () => {
  const text = JSON.stringify({
    version: 1,
    'accept-sample': true,
    'accept-self-asserted-job': true,
    'accept-purged-layers': true,
  })
  await expect(parsePolicy(text, '/policy.yml')).rejects.toMatchObject({
    code: 'file-invalid',
    message: expect.stringMatching(/archive: name the keys/) as string,
  })
})

test('the command line records and purges', async () => {
  const layout = `oci:${join(scratch('cli'), 'layout')}`
  const image: Descriptor = await putSmallImage(open(layout), smallFiles)
  const key = join(scratch('cli-key'), 'archive.pem')
  writeFileSync(key, pemOf(keeper))
  const run = (...args: string[]) => door<Record<string, unknown>>(...(args as [string]))
  const interval = ['--in-production', '2025-01-01..2026-01-01']
  const kept = ['--key-kept', 'kbs:///a/b/c..2036-01-01']
  expect(await run('archive record', layout, ...interval, ...kept, '--key', key)).toMatchObject({
    code: 0,
    outputs: { records: [{ subject: image.digest, state: 'added' }] },
  })
  expect(await run('archive purge', layout, '--key', key)).toMatchObject({ code: 0, text: /^1 layer\(s\) deleted/ })
  for (const wrong of ['2025-01-01', '2026-01-01..2025-01-01', '..2026-01-01', 'yesterday..today'])
    expect(await run('archive record', layout, '--in-production', wrong, '--key', key)).toMatchObject({
      code: 2,
      error: { code: 'input-invalid', subject: 'in-production' },
    })
})
