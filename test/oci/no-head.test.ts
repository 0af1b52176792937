import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { sha256 } from '../../src/base/streams.ts'
import type { Digest } from '../../src/oci/types.ts'
import { testPorts } from '../../testkit/ports.ts'
import { startRegistry } from '../../testkit/registry.ts'
import { putSmallImage, smallFiles } from '../../testkit/small-image.ts'

test('where HEAD is not let through, GET says what is there', async () => {
  const registry = await startRegistry('quirky', { quirks: ['no-head'] })
  try {
    const store = openStore(parseReference(`${registry.host}/a/b`, '/'), testPorts())
    const image = await putSmallImage(store, smallFiles, 'v1')
    const again = openStore(parseReference(`${registry.host}/a/b`, '/'), testPorts())
    expect(await again.resolve({ tag: 'v1' })).toMatchObject({ digest: image.digest })
    const { content } = await again.getManifest(image.digest)
    const layer = 'layers' in content ? content.layers[0]?.digest : undefined
    expect(await again.hasBlob(layer as Digest)).toBe(true)
    expect(await again.hasBlob(sha256('another'))).toBe(false)
    // Nothing is put again that is there.
    const before = await registry.requests()
    await putSmallImage(again, smallFiles, 'v1')
    const after = await registry.requests()
    expect([after['POST uploads'], after['PUT manifest']]).toEqual([before['POST uploads'], before['PUT manifest']])
  } finally {
    await registry.close()
  }
})
