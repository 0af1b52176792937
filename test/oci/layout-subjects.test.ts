import { rmSync } from 'node:fs'
import { putArtifact } from '../../src/oci/artifact.ts'
import { blobPath } from '../../src/oci/layout-files.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { testPorts } from '../../testkit/ports.ts'
import { putImage, storeOf } from './store.ts'

async function read(store: Store, subject: Digest): Promise<{ found: Digest[]; broken: Digest[] }> {
  const [found, broken]: [Digest[], Digest[]] = [[], []]
  for await (const { descriptor } of store.readReferrers(subject, ({ manifest }) => void broken.push(manifest)))
    found.push(descriptor.digest)
  return { found, broken }
}

test('a store that read a manifest for one subject finds what came later, and tells what is gone', async () => {
  const ports = testPorts()
  const store = storeOf('oci:layout', ports)
  const [a, b] = [await putImage(store, 'a', 'a'), await putImage(store, 'b', 'b')]
  const attach = (subject: typeof a, text: string): Promise<typeof a> =>
    putArtifact(store, { artifactType: 'application/x', subject, layers: [], annotations: { text } })
  const [ofA, ofB] = [await attach(a, '1'), await attach(b, '1')]
  for (const _ of ['first', 'again']) {
    expect(await read(store, a.digest)).toEqual({ found: [ofA.digest], broken: [] })
    expect(await read(store, b.digest)).toEqual({ found: [ofB.digest], broken: [] })
  }
  const later = await attach(a, '2')
  expect((await read(store, a.digest)).found).toEqual([ofA.digest, later.digest].sort())
  rmSync(blobPath(`${ports.roots.cwd}/layout`, ofA.digest))
  expect(await read(store, a.digest)).toEqual({ found: [later.digest], broken: [ofA.digest] })
  expect((await read(store, b.digest)).found).toEqual([ofB.digest])
})
