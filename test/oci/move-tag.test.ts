import { sha256 } from '../../src/base/streams.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { moveTag } from '../../src/oci/move-tag.ts'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { mediaTypes, type Digest } from '../../src/oci/types.ts'
import { fakeHttp, testPorts } from '../../testkit/ports.ts'

const manifest = (name: string): Buffer =>
  Buffer.from(
    JSON.stringify({
      schemaVersion: 2,
      mediaType: mediaTypes.manifest,
      artifactType: 'application/vnd.example.v1',
      config: { mediaType: mediaTypes.empty, digest: sha256('{}'), size: 2 },
      layers: [],
      annotations: { name },
    }),
  )

/** A registry with one tag. `between` runs after a writer looked and before its PUT is taken. */
function registry(options: {
  honours: boolean
  between?: (tags: Map<string, Buffer>) => void
  after?: (tags: Map<string, Buffer>) => void
}) {
  const tags = new Map<string, Buffer>()
  const seen: string[] = []
  const http = fakeHttp((url, request = {}) => {
    const tag = url.slice(url.lastIndexOf('/') + 1)
    const held = tags.get(tag)
    const { 'if-match': match, 'if-none-match': none } = request.headers ?? {}
    if (request.method !== 'PUT') {
      if (held === undefined) return Promise.resolve(new Response(null, { status: 404 }))
      return Promise.resolve(new Response(new Uint8Array(held), { headers: { 'content-type': mediaTypes.manifest } }))
    }
    seen.push(match ?? none ?? 'unconditional')
    options.between?.(tags)
    const now = tags.get(tag)
    const differs = none === '*' ? now !== undefined : now === undefined || `"${sha256(now)}"` !== match
    if (options.honours && differs) return Promise.resolve(new Response(null, { status: 412 }))
    tags.set(tag, Buffer.from(request.body as Uint8Array))
    options.after?.(tags)
    return Promise.resolve(new Response(null, { status: 201 }))
  })
  const ports = testPorts({ http })
  const ref = { ...parseReference('127.0.0.1:5000/log:main', '/'), tag: 'main' }
  const move = (from: Digest | null, name: string) => moveTag(ref, from, manifest(name), mediaTypes.manifest, ports)
  return { tags, seen, move }
}

test.each([true, false])('a tag is made and moved (registry honours If-Match: %s)', async (honours) => {
  const { move, tags, seen } = registry({ honours })
  expect(await move(null, 'a')).toBe('moved')
  expect(await move(sha256(manifest('a')), 'b')).toBe('moved')
  expect(tags.get('main')).toEqual(manifest('b'))
  expect(seen).toEqual(['*', `"${sha256(manifest('a'))}"`])
})

test.each([true, false])(
  'a tag that stands elsewhere is not moved (registry honours If-Match: %s)',
  async (honours) => {
    const { move, tags, seen } = registry({ honours })
    await move(null, 'a')
    expect(await move(null, 'b')).toBe('lost')
    expect(await move(sha256(manifest('x')), 'b')).toBe('lost')
    expect(tags.get('main')).toEqual(manifest('a'))
    expect(seen).toHaveLength(1)
  },
)

test('where the registry honours If-Match, a writer who comes in between wins', async () => {
  const { move, tags } = registry({ honours: true, between: (held) => held.set('main', manifest('other')) })
  expect(await move(null, 'a')).toBe('lost')
  expect(tags.get('main')).toEqual(manifest('other'))
})

test('where it does not, a writer whose tag was moved at once is told of the race', async () => {
  const { move } = registry({ honours: false, after: (held) => held.set('main', manifest('other')) })
  await expect(move(null, 'a')).rejects.toMatchObject({
    code: 'registry-error',
    message: expect.stringContaining('by another writer at the same time') as string,
    remedy: expect.stringContaining('one process at a time') as string,
  })
})

test('a registry that refuses the manifest is an error', async () => {
  const ports = testPorts({
    http: fakeHttp((_, request) =>
      Promise.resolve(new Response(null, { status: request?.method === 'PUT' ? 400 : 404 })),
    ),
  })
  const ref = { ...parseReference('127.0.0.1:5000/log:main', '/'), tag: 'main' }
  await expect(moveTag(ref, null, manifest('a'), mediaTypes.manifest, ports)).rejects.toMatchObject({
    code: 'registry-error',
  })
})

test('in a layout one of two writers from the same place loses, and other tags stay', async () => {
  const ports = testPorts()
  const ref = { ...parseReference('oci:log:main', ports.roots.cwd), tag: 'main' }
  const store = openStore(ref, ports)
  await putArtifact(store, { artifactType: 'application/vnd.example.v1', layers: [], tag: 'other' })
  const move = (from: Digest | null, name: string) => moveTag(ref, from, manifest(name), mediaTypes.manifest, ports)
  expect(await move(null, 'a')).toBe('moved')
  const from = sha256(manifest('a'))
  const results = await Promise.all([move(from, 'b'), move(from, 'c')])
  expect(results.sort()).toEqual(['lost', 'moved'])
  expect(await store.tags()).toEqual(['main', 'other'])
})
