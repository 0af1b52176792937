import { SealwrightError } from '../../../src/base/errors.ts'
import type { StampedTime } from '../../../src/log/timestamp/authority.ts'
import { verifyTimestamp } from '../../../src/log/timestamp/verify.ts'
import { mutate } from '../../../testkit/mutate.ts'
import { Random } from '../../../testkit/random.ts'
import { makeAuthority } from '../../../testkit/timestamp/authority.ts'
import { makeResponse, makeToken } from '../../../testkit/timestamp/token.ts'

const bytes = Buffer.from('the raw bytes of a signature')
const authority = makeAuthority()
const pinned = [{ name: 'test', chain: authority.chain.slice(1) }]
const at = new Date('2026-11-01T12:00:00.250Z')
const good = makeResponse(makeToken(authority, bytes, { at, certificates: [authority.leaf, authority.root] }))
const other = makeResponse(makeToken(makeAuthority({ name: 'Other TSA' }), Buffer.from('other'), { at: new Date() }))

function verified(response: Buffer): StampedTime | null {
  try {
    return verifyTimestamp(response, bytes, pinned)
  } catch (error) {
    // Anything else is a crash, and fails the test.
    if (error instanceof SealwrightError) return null
    throw error
  }
}

test('3000 changes of several bytes are refused, or say nothing else', () => {
  const expected = verified(good)
  expect(expected?.time).toEqual(at)
  const random = new Random(1, 'time stamps')
  let refused = 0
  for (let i = 0; i < 3000; i++) {
    const found = verified(mutate(good, other, random))
    if (found === null) refused += 1
    else expect(found).toEqual(expected)
  }
  // The root inside of the token and the status are all that may change unseen.
  expect(refused).toBeGreaterThan(2400)
})

test('each cut is refused', () => {
  for (let length = 0; length < good.length; length++) expect(verified(good.subarray(0, length))).toBeNull()
})
