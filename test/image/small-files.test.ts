import { passImage } from '../../src/image/pass.ts'
import type { PassReader } from '../../src/image/types.ts'
import { makeImage, type Short } from './make-image.ts'

const program = Buffer.concat([Buffer.from('\x7fELF', 'latin1'), Buffer.alloc(2000, 'p')])

/** Wants one file under the name of a link to it, and nothing else. */
function aliasReader(as: string, path: string): PassReader & { got: string[] } {
  const got: string[] = []
  return {
    got,
    wants: (header) => (header.path === as ? 3000 : 0),
    file: (header, content) => void got.push(`${header.path} ${content.length}`),
    aliases: () => [{ path, as }],
  }
}

async function opened(entries: readonly Short[], reader: PassReader): Promise<number> {
  const { store, image } = await makeImage([entries])
  let count = 0
  await passImage(store, image, [reader], {
    open: (descriptor) => {
      count++
      return store.openBlob(descriptor)
    },
  })
  return count
}

test.each<[string, number, Short[]]>([
  [
    'a program, read once',
    1,
    [
      { path: 'bin/p1', text: program, mode: 0o755 },
      { path: 'bin/p', link: 'p1' },
    ],
  ],
  [
    'what a link before it leads to, read once',
    1,
    [
      { path: 'bin/p', link: 'p1' },
      { path: 'bin/p1', text: program },
    ],
  ],
  [
    'a file that nobody expected, read twice',
    2,
    [
      { path: 'bin/p1', text: program },
      { path: 'bin/p', link: 'p1' },
    ],
  ],
  [
    'a file that is replaced later, read once and right',
    1,
    [
      { path: 'bin/p1', text: Buffer.concat([program, program]), mode: 0o755 },
      { path: 'bin/p1', text: program, mode: 0o755 },
      { path: 'bin/p', link: 'p1' },
    ],
  ],
  [
    'a large program, read twice',
    2,
    [
      { path: 'bin/p1', text: Buffer.concat([program, Buffer.alloc(200_000)]), mode: 0o755 },
      { path: 'bin/p', link: 'p1' },
    ],
  ],
])('%s under its other name', async (what, count, entries) => {
  const reader = aliasReader('bin/p', 'bin/p1')
  expect(await opened(entries, reader)).toBe(count)
  const size = what.startsWith('a large') ? 3000 : program.length
  expect(reader.got).toEqual([expect.stringMatching(new RegExp(`^bin/p ${size}$`))])
})
