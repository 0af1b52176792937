import { passImage } from '../../src/image/pass.ts'
import { makeImage, type Short } from './make-image.ts'

const limits = { bytes: 2 ** 39, ratio: 300, free: 250_000 }

test('layers that each stay below the limits may not pass them together', async () => {
  const layer: Short[] = [{ path: 'a', text: Buffer.alloc(200_000) }]
  const one = await makeImage([layer])
  await expect(passImage(one.store, one.image, [], { limits })).resolves.toBeDefined()
  // One blob many times is stored once.
  const many = await makeImage(Array.from({ length: 8 }, () => layer))
  await expect(passImage(many.store, many.image, [], { limits })).rejects.toMatchObject({
    code: 'format-invalid',
    message: expect.stringContaining('the layers of the image may decompress to at most 300 times'),
  })
  const real = await makeImage([1, 2, 3].map((i) => [{ path: `${i}`, text: `${i} `.repeat(100_000) }]))
  await expect(passImage(real.store, real.image, [], { limits: { ...limits, ratio: 2000 } })).resolves.toBeDefined()
})
