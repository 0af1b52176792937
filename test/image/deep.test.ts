import { passImage } from '../../src/image/pass.ts'
import { makeImage } from './make-image.ts'

/** As deep as a name of 4096 bytes can be. */
const deep = 'd/'.repeat(2047)

test.each([
  ['a file', [[{ path: `${deep}x` }]], 2048],
  ['a file in the lower of two layers', [[{ path: `${deep}x` }], [{ path: 'd/y' }]], 2049],
  ['a whiteout', [[{ path: 'd/'.repeat(2045) + 'x' }], [{ path: 'd/'.repeat(2045) + '.wh.x' }]], 2045],
  ['an opaque whiteout', [[{ path: `${deep}x` }], [{ path: 'd/.wh..wh..opq' }]], 1],
  [
    'a hard link from above',
    [[{ path: `${deep}x` }], [{ path: 'h', type: 'hardlink' as const, link: `${deep}x` }]],
    2049,
  ],
])('%s at the greatest depth is read', async (_what, layers, count) => {
  const { store, image } = await makeImage(layers)
  expect((await passImage(store, image, [])).inventory).toHaveLength(count)
})

test('a file takes the place of a folder with more folders in it than a call has arguments', async () => {
  const many = Array.from({ length: 130_000 }, (_, i) => ({ path: `d/${i}/` }))
  const { store, image } = await makeImage([[{ path: 'd/' }, ...many, { path: 'd' }]])
  expect([...(await passImage(store, image, [])).inventory]).toMatchObject([{ path: 'd', type: 'file' }])
})
