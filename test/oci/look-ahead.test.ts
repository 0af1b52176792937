import { VerificationError } from '../../src/base/errors.ts'
import { sha256 } from '../../src/base/streams.ts'
import { lookAhead } from '../../src/oci/look-ahead.ts'
import { openReferrersApi } from '../../src/oci/referrers-api.ts'
import type { Session } from '../../src/oci/session.ts'
import { mediaTypes, type Digest, type Store, type StoredManifest } from '../../src/oci/types.ts'
import { writtenHere } from '../../src/oci/written-here.ts'
import { fakeHttp, testPorts } from '../../testkit/ports.ts'
import { storeOf } from './helpers.ts'

function stored(name: string): StoredManifest {
  const bytes = Buffer.from(name)
  const descriptor = { mediaType: mediaTypes.manifest, digest: sha256(bytes), size: bytes.length }
  const content = { schemaVersion: 2, mediaType: mediaTypes.manifest, config: descriptor, layers: [] } as const
  return { descriptor, bytes, content: { ...content, layers: [] } }
}

/** A store whose manifests have referrers by name. */
function listing(
  referrers: Readonly<Record<string, readonly string[]>>,
  broken?: string,
): { store: Store; asked: string[]; ended: string[] } {
  const [asked, ended]: [string[], string[]] = [[], []]
  const names = new Map<Digest, string>(Object.keys(referrers).map((name) => [sha256(name), name]))
  const store: Store = {
    ...storeOf('127.0.0.1:1/a/app', testPorts()),
    async *readReferrers(digest, onBroken) {
      const name = names.get(digest) ?? ''
      asked.push(name)
      try {
        if (name === broken)
          onBroken({ manifest: digest, error: new VerificationError('missing-blob', 'gone', { subject: digest }) })
        for (const one of referrers[name] ?? []) yield stored(one)
      } finally {
        ended.push(name)
      }
    },
  }
  return { store, asked, ended }
}

const turn = (): Promise<void> => new Promise((done) => setImmediate(done))

test('what hangs on what hangs on a manifest is asked for before anybody comes there, and each listing once', async () => {
  const { store, asked } = listing({ image: ['sbom', 'signature'], sbom: ['of the sbom'], signature: [] }, 'sbom')
  const ahead = lookAhead(store, undefined, ({ descriptor }) => ahead.start(descriptor.digest))
  ahead.start(sha256('image'))
  await turn()
  expect(asked.toSorted()).toEqual(['', 'image', 'sbom', 'signature'])
  const told: Digest[] = []
  const read: string[] = []
  for await (const one of ahead.read(sha256('sbom'), ({ manifest }) => told.push(manifest)))
    read.push(String(one.bytes))
  expect([read, told]).toEqual([['of the sbom'], [sha256('sbom')]])
  expect(asked).toHaveLength(4)
})

test('few listings are asked for ahead, of each the beginning, and what nobody reads is ended', async () => {
  const many = Array.from({ length: 30 }, (_, i) => `referrer ${i}`)
  const all = Object.fromEntries(Array.from({ length: 100 }, (_, i) => [`image ${i}`, many]))
  const { store, asked, ended } = listing(all)
  const found: Digest[] = []
  const ahead = lookAhead(store, undefined, ({ descriptor }) => found.push(descriptor.digest))
  for (const name of Object.keys(all)) ahead.start(sha256(name))
  await turn()
  expect(asked).toHaveLength(64)
  expect(found).toHaveLength(64 * 8)
  const read: string[] = []
  for await (const one of ahead.read(sha256('image 99'), () => {})) read.push(String(one.bytes))
  expect(read).toEqual(many)
  ahead.close()
  await turn()
  expect(ended).toHaveLength(65)
})

test('a registry without the API is asked for it once, however many ask at a time', async () => {
  let requests = 0
  const session: Session = {
    host: 'registry.example',
    repository: 'a/app',
    pause: () => Promise.resolve(),
    send: async () => {
      requests++
      await turn()
      return new Response('404 page not found', { status: 404 })
    },
  }
  const api = openReferrersApi(session, 'registry.example/a/app')
  const digests = Array.from({ length: 8 }, (_, i) => sha256(String(i)))
  expect(await Promise.all(digests.map((digest) => api.list(digest)))).toEqual(digests.map(() => null))
  expect(requests).toBe(1)
})

test('a failed first question leaves the others to ask for themselves', async () => {
  let requests = 0
  const session: Session = {
    host: 'registry.example',
    repository: 'a/app',
    pause: () => Promise.resolve(),
    send: async () => {
      await turn()
      if (requests++ === 0) throw new TypeError('broken')
      return Response.json({ schemaVersion: 2, manifests: [] }, { headers: { 'content-type': mediaTypes.index } })
    },
  }
  const api = openReferrersApi(session, 'registry.example/a/app')
  const [first, second] = await Promise.allSettled([api.list(sha256('a')), api.list(sha256('b'))])
  expect([first?.status, second?.status]).toEqual(['rejected', 'fulfilled'])
})

test('what was put is given once for a tag, to whoever uses the same connection and repository', () => {
  const [one, other] = [
    fakeHttp(() => Promise.reject(new Error('no'))),
    fakeHttp(() => Promise.reject(new Error('no'))),
  ]
  const manifest = stored('image')
  const { digest } = manifest.descriptor
  writtenHere(one, 'host/a').add(manifest)
  expect(writtenHere(one, 'host/b').take(digest)).toBeUndefined()
  expect(writtenHere(other, 'host/a').take(digest)).toBeUndefined()
  expect(writtenHere(one, 'host/a').take(digest)).toBe(manifest)
  expect(writtenHere(one, 'host/a').take(digest)).toBeUndefined()
})
