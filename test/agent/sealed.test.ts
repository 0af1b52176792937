import { randomBytes } from 'node:crypto'
import { sealedEnd, sealFor } from '../../src/agent/channel/sealed.ts'

const own = sealedEnd()
const secret = randomBytes(48)

test('what is sealed for an end is opened by it alone, and is never the same twice', () => {
  const sealed = sealFor(own.to, secret, randomBytes)
  expect(own.open(sealed)).toEqual(secret)
  expect(own.open(sealFor(own.to, Buffer.alloc(0), randomBytes))).toEqual(Buffer.alloc(0))
  expect(sealFor(own.to, secret, randomBytes)).not.toBe(sealed)
  expect(() => sealedEnd().open(sealed)).toThrow('was not sealed for this end')
})

test('no byte of it can be changed or left out', () => {
  const bytes = Buffer.from(sealFor(own.to, secret, randomBytes), 'base64')
  for (let at = 0; at < bytes.length; at++) {
    const changed = Buffer.from(bytes)
    changed.writeUInt8(changed.readUInt8(at) ^ 1, at)
    expect(() => own.open(changed.toString('base64'))).toThrow('was not sealed for this end')
    expect(() => own.open(bytes.subarray(0, at).toString('base64'))).toThrow('was not sealed for this end')
  }
})

test.each(['', 'AAAA', Buffer.alloc(32).toString('base64url')])('a key that nobody can have is refused: %j', (to) => {
  expect(() => sealFor(to, secret, randomBytes)).toThrow(/cannot be used|was not sealed/)
})
