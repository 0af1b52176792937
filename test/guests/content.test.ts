import { readContent, type LayerContent } from '../../src/guests/content.ts'
import { loadImage } from '../../src/image/load.ts'
import { testPorts } from '../../testkit/ports.ts'
import { putSmallImage } from '../../testkit/small-image.ts'
import { mediaTypes, type Digest } from '../../src/oci/types.ts'
import { factsOf, judged, kbsKeys, layout, nobody, putShape, reader } from './support.ts'

const ports = testPorts()
const store = layout(ports)

async function contentOf(digest: Digest): Promise<LayerContent | null> {
  return readContent(store, await loadImage(store, digest), ports)
}

test('layers that are read in one way', async () => {
  const { digest } = await putSmallImage(store, { 'app/index.js': 'x' }, 'plain')
  expect(await contentOf(digest)).toEqual({ fault: null, devices: 0, attributes: 0, capabilities: 0 })
  expect((await factsOf(ports, 'plain')).content).toBeNull()
})

test('an archive that a guest reads otherwise is a refusal for it and a note for others', async () => {
  // A guest skips an entry with `..` in its name.
  const { digest } = await putSmallImage(store, { 'app/index.js': 'x' }, 'odd', 'a/../b')
  const content = await contentOf(digest)
  expect(content?.fault).toContain('a/../b')
  const facts = { ...(await factsOf(ports, 'odd')), content }
  expect(judged('coco@0.21', facts, nobody)).toBe('fails archive signature-missing')
  expect(judged('podman@5', facts, nobody)).toBe('reads')
  expect(
    reader('podman@5')
      .judge(facts, nobody)
      .map(({ code }) => code),
  ).toEqual(['archive'])
})

test('what a guest does not keep is told', async () => {
  const facts = {
    ...(await factsOf(ports, 'plain')),
    content: { fault: null, devices: 1, attributes: 2, capabilities: 3 },
  }
  const notes = reader('coco@0.21')
    .judge(facts, nobody)
    .filter(({ code }) => code === 'archive')
  expect(notes.map(({ why }) => why)).toEqual([
    'it makes empty files of 1 device or fifo',
    'it leaves out the extended attributes of 2 folders and links',
    '3 files may lose file capabilities, since it sets the owner last',
  ])
})

test('an encrypted image is not read', async () => {
  const { digest } = await putShape(store, 'encrypted', [
    { type: `${mediaTypes.layerGzip}+encrypted`, annotations: kbsKeys() },
  ])
  expect(await contentOf(digest)).toBeNull()
})
