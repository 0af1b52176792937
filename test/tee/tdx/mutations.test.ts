import { parseTdxQuote } from '../../../src/tee/verify/tdx/quote.ts'
import { verifyTdx } from '../../../src/tee/verify/tdx/verify.ts'
import { SealwrightError } from '../../../src/base/errors.ts'
import { makeWorld } from '../../../testkit/tee/tdx/synthetic.ts'

const world = makeWorld()
const { collateral } = world
if (collateral === null) throw new Error('the synthetic world has no collateral')
const given = collateral
const quote = Buffer.from(world.quote)
const accepted = (bytes: Buffer) => verifyTdx({ ...world, quote: bytes }).status === 'verified'

function flipped(bytes: Buffer, bit: number): Buffer {
  const copy = Buffer.from(bytes)
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7))
  return copy
}

test('a quote cut anywhere is refused by its parser, naming the place', () => {
  expect(accepted(quote)).toBe(true)
  for (let length = 0; length < quote.length; length++) {
    let error: unknown = null
    try {
      parseTdxQuote(quote.subarray(0, length))
    } catch (thrown) {
      error = thrown
    }
    if (!(error instanceof SealwrightError)) throw new Error(`cut to ${length} bytes: ${String(error)}`)
  }
})

test('sampled bits of the whole quote flipped, and every bit of its header: refused, no crash', () => {
  const wrong: number[] = []
  for (let bit = 0; bit < 48 * 8; bit++) if (accepted(flipped(quote, bit))) wrong.push(bit)
  for (let bit = 48 * 8; bit < quote.length * 8; bit += 61) if (accepted(flipped(quote, bit))) wrong.push(bit)
  // The last byte is the NUL that some quotes have.
  for (let bit = quote.length * 8 - 16; bit < quote.length * 8; bit++)
    if (accepted(flipped(quote, bit))) wrong.push(bit)
  expect(wrong).toEqual([])
})

test('collateral with any sampled bit flipped is refused, no crash', () => {
  const wrong: string[] = []
  const run = (name: string, bytes: Buffer, put: (changed: Buffer) => typeof given, step: number) => {
    for (let bit = 0; bit < bytes.length * 8; bit += step) {
      if (verifyTdx({ ...world, collateral: put(flipped(bytes, bit)) }).status === 'verified')
        wrong.push(`${name} ${bit}`)
    }
  }
  run('root CRL', given.rootCrl, (rootCrl) => ({ ...given, rootCrl }), 29)
  run('PCK CRL', given.pckCrl, (pckCrl) => ({ ...given, pckCrl }), 29)
  run('TCB info', given.tcbInfo.bytes, (bytes) => ({ ...given, tcbInfo: { ...given.tcbInfo, bytes } }), 211)
  run('signature', given.tcbInfo.signature, (signature) => ({ ...given, tcbInfo: { ...given.tcbInfo, signature } }), 13)
  run('QE identity', given.qeIdentity.bytes, (bytes) => ({ ...given, qeIdentity: { ...given.qeIdentity, bytes } }), 101)
  const [signer, root] = given.tcbInfoChain
  if (signer === undefined || root === undefined) throw new Error('no chain')
  run('signer', signer, (bytes) => ({ ...given, tcbInfoChain: [bytes, root] }), 53)
  expect(wrong).toEqual([])
})

test('lists cut at every fifth byte are refused', () => {
  for (let length = 0; length < given.pckCrl.length; length += 5) {
    const cut = { ...given, pckCrl: given.pckCrl.subarray(0, length) }
    expect(verifyTdx({ ...world, collateral: cut }).checks.find(({ name }) => name === 'pck-crl-format')?.ok).toBe(
      false,
    )
  }
})
