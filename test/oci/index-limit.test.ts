import { execFile } from 'node:child_process'
import { readFileSync, statSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { layoutOperation } from '../../src/oci/remote-layout.ts'
import { putArtifact } from '../../src/oci/artifact.ts'
import { indexBytes } from '../../src/oci/layout-index.ts'
import { resolveImage } from '../../src/oci/open.ts'
import type { Store } from '../../src/oci/types.ts'
import { block } from '../../testkit/raw-tar.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { cleanEnv } from '../../testkit/cli.ts'
import { root } from '../../testkit/peers.ts'
import { putImage, storeOf } from './store.ts'

const size = 200 << 20
const wordsOf = (path: string): string => `${path} is larger than the limit of ${indexBytes} bytes: it has ${size}`
const refusal = (path: string): object => ({
  code: 'format-invalid',
  exitCode: 1,
  message: wordsOf(path),
  remedy: expect.stringContaining('Take out of it'),
})

/** A layout that holds an image, and then an index.json of 200 MB. */
async function largeLayout(): Promise<{ folder: string; path: string; digest: `sha256:${string}` }> {
  const folder = scratch('large')
  const { digest } = await putImage(storeOf(`oci:${folder}`, testPorts()), 'layer', 'v1')
  const path = join(folder, 'index.json')
  truncateSync(path, size)
  return { folder, path, digest: digest as `sha256:${string}` }
}

/** An archive whose index.json has 200 MB. */
function largeArchive(): string {
  const path = join(scratch('large'), 'a.tar')
  const marker = Buffer.alloc(512)
  marker.write('{"imageLayoutVersion":"1.0.0"}')
  const head = [block({ name: 'oci-layout', size: 30 }), marker, block({ name: 'index.json', size })]
  writeFileSync(path, Buffer.concat(head))
  truncateSync(path, 1536 + size + 1024)
  return path
}

/** A command line, run from sources. */
function typedHere(args: readonly string[]): Promise<{ exitCode: number | null; error: unknown }> {
  const command = [join(root, 'testkit/cli-entry.ts'), ...args]
  return new Promise((resolve) => {
    const child = execFile(process.execPath, command, { env: cleanEnv() }, (_error, stdout) =>
      resolve({ exitCode: child.exitCode, error: (JSON.parse(stdout) as { error?: unknown }).error }),
    )
  })
}

const empty = Buffer.from('{}')
const uses: [string, (store: Store, digest: `sha256:${string}`) => Promise<unknown>][] = [
  ['the tags', (store) => store.tags()],
  ['a tag', (store) => store.resolve({ tag: 'v1' })],
  ['a manifest', (store, digest) => store.getManifest(digest)],
  ['referrers', (store, digest) => store.referrers(digest)],
  ['a tag that is set', (store, digest) => store.tag('v2', digest)],
  ['a tag that is moved', (store, digest) => store.retag?.('v2', digest, null) ?? Promise.resolve()],
  [
    'a referrer that is put',
    (store, digest) => {
      const subject = { mediaType: 'application/vnd.oci.image.manifest.v1+json', digest, size: empty.length }
      return putArtifact(store, { artifactType: 'a/b', subject, layers: [] })
    },
  ],
]

describe('an index.json of 200 MB is refused in the same words', () => {
  test.each(uses)('in a folder: %s', async (_what, use) => {
    const { folder, path, digest } = await largeLayout()
    await expect(use(storeOf(`oci:${folder}`, testPorts()), digest)).rejects.toMatchObject(refusal(path))
  })

  test.each(uses)('in an archive: %s', async (_what, use) => {
    const path = largeArchive()
    const { digest } = await putImage(storeOf(`oci:${scratch()}`, testPorts()), 'layer', 'v1')
    const store = storeOf(`oci-archive:${path}`, testPorts())
    await expect(use(store, digest as `sha256:${string}`)).rejects.toMatchObject(refusal(`index.json of "${path}"`))
    expect(statSync(path).size).toBe(1536 + size + 1024)
  })

  test('for a worker, and when the only image is looked for', async () => {
    const { folder, path } = await largeLayout()
    const asked = layoutOperation({ directory: folder, operation: 'tags' }, (async function* () {})(), testPorts())
    await expect(asked).rejects.toMatchObject(refusal(path))
    await expect(resolveImage(`oci:${folder}`, testPorts())).rejects.toMatchObject(refusal(path))
  })

  test.each(['tree IMAGE', 'query IMAGE', 'repair IMAGE --scan'])('by the command line: %s', async (typed) => {
    const { folder, path } = await largeLayout()
    const args = typed.replace('IMAGE', `oci:${folder}:v1`).split(' ')
    const ended = await typedHere([...args, '--json', '--state', scratch('state')])
    expect(ended.exitCode).toBe(1)
    expect(ended.error).toMatchObject({ code: 'format-invalid', message: wordsOf(path) })
  })
})

test('an index.json just below the limit is read', async () => {
  const folder = scratch('near')
  const image = await putImage(storeOf(`oci:${folder}`, testPorts()), 'layer', 'v1')
  const path = join(folder, 'index.json')
  const text = readFileSync(path, 'utf8')
  writeFileSync(path, text.replace(/\}$/, `,"pad":"${'x'.repeat(indexBytes - text.length - 9)}"}`))
  expect(statSync(path).size).toBe(indexBytes)
  expect(await storeOf(`oci:${folder}`, testPorts()).resolve({ tag: 'v1' })).toEqual(image)
})

test('megabytes of annotations of a referrer do not make the index of a layout longer', async () => {
  const folder = scratch('long')
  const store = storeOf(`oci:${folder}`, testPorts())
  const image = await putImage(store, 'layer', 'v1')
  const annotations = { note: 'x'.repeat(2 << 20) }
  const put = await putArtifact(store, { artifactType: 'a/b', subject: image, layers: [], annotations })
  expect(statSync(join(folder, 'index.json')).size).toBeLessThan(2000)
  expect((await store.getManifest(put.digest)).content.annotations).toEqual(annotations)
  expect((await store.referrers(image.digest)).map(({ digest }) => digest)).toEqual([put.digest])
})
