import { entriesOfType } from '../../src/image/entries.ts'
import { OtherNameBudget } from '../../src/image/pass-bounds.ts'
import { passImage } from '../../src/image/pass.ts'
import type { PassReader, TarHeader } from '../../src/image/types.ts'
import { passTree } from '../../src/sbom/subjects/tree/pass.ts'
import type { Tree } from '../../src/sbom/subjects/tree/types.ts'
import { archive, member, pax } from '../../testkit/raw-tar.ts'
import { entry, makeImage, type Short } from './make-image.ts'

/** A file of two bytes behind a hole. */
function sparse(name: string, hole: number): Buffer {
  const records = [
    ['GNU.sparse.major', '1'],
    ['GNU.sparse.minor', '0'],
    ['GNU.sparse.name', name],
    ['GNU.sparse.realsize', String(hole + 2)],
  ] as const
  const map = Buffer.from(`1\n${hole}\n2\n`.padEnd(512, '\0'))
  return archive(
    Buffer.concat([
      pax(records),
      member({ name: `./GNUSparseFile.1/${name}` }, Buffer.concat([map, Buffer.from('ab')])),
    ]),
  )
}

test('the holes of all layers count together', async () => {
  const bounds = { holes: 10_000 }
  const one = await makeImage([sparse('a', 9000)])
  await expect(passImage(one.store, one.image, [], { bounds })).resolves.toBeDefined()
  const two = await makeImage([sparse('a', 9000), sparse('b', 1001)])
  await expect(passImage(two.store, two.image, [], { bounds })).rejects.toMatchObject({
    code: 'format-invalid',
    message: expect.stringContaining('a sparse file with 9000 bytes of holes, after 1001 bytes of earlier ones'),
  })
})

interface Given extends PassReader {
  files: string[]
  unreadNames: string[]
}

/** Wants every file under every name. */
function reader(silent = false): Given {
  const files: string[] = []
  const unreadNames: string[] = []
  const unread = ({ path }: TarHeader, magic: number): void => void unreadNames.push(`${path} ${magic.toString(16)}`)
  return {
    files,
    unreadNames,
    wants: () => 1000,
    file: ({ path }, content) => void files.push(`${path} ${content.length}`),
    aliases: (inventory) =>
      [...entriesOfType(inventory, 'symlink')].flatMap(({ path, type }) =>
        type === 'symlink' ? [{ path: 'file', as: path }] : [],
      ),
    ...(silent ? {} : { unread }),
  }
}

const names: Short[] = [
  { path: 'file', text: 'x'.repeat(400) },
  { path: 'h1', type: 'hardlink', link: 'file' },
  { path: 'h2', type: 'hardlink', link: 'file' },
  { path: 's1', link: 'file' },
  { path: 's2', link: 'file' },
]

test('contents under other names count together; what is past the limit is said', async () => {
  const { store, image } = await makeImage([names])
  const [telling, silent] = [reader(), reader(true)]
  await passImage(store, image, [telling], { bounds: { otherNames: 1000 } })
  expect(telling.files).toEqual(['file 400', 'h1 400', 'h2 400'])
  expect(telling.unreadNames).toEqual(['s1 78787878', 's2 78787878'])
  // It could not say that it lacks something.
  await passImage(store, image, [silent], { bounds: { otherNames: 1000 } })
  expect(silent.files).toHaveLength(5)
})

test('the same holds for a tree', async () => {
  const entries = names.filter(({ type }) => type !== 'hardlink').map(entry)
  const tree: Tree = {
    entries: async function* () {
      yield* entries
    },
    again: async function* () {
      yield entry(names[0] as Short)
    },
    rest: () => ({ gaps: [], sockets: [] }),
  }
  const telling = reader()
  await passTree(tree, [telling], [], new OtherNameBudget(500))
  expect(telling.files).toEqual(['file 400', 's1 400'])
  expect(telling.unreadNames).toEqual(['s2 78787878'])
})
