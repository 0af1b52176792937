import { createHash } from 'node:crypto'
import { Md5Lanes } from '../../src/encoding/md5-lanes.ts'

test('a message whose length in bits needs more than 32 of them', () => {
  const [lanes, theirs, into] = [Md5Lanes.make(1 << 20), createHash('md5'), Buffer.alloc(16)]
  const piece = Buffer.alloc(1_000_001, 'x')
  for (let i = 0; i < 540; i++) {
    lanes?.put(piece, i === 539 ? into : null)
    lanes?.run()
    theirs.update(piece)
  }
  expect(into.toString('hex')).toBe(theirs.digest('hex'))
})
