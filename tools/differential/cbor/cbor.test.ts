import { CborTag } from '../../../src/encoding/cbor/types.ts'
import { cborPeers, describe as textOf, type CborPeer } from './peers.ts'
import { isGoodCbor, runCbor, tellCbor } from './run.ts'

test('generated inputs mean the same to our codec, cborg and cbor2', () => {
  const tally = runCbor({ seed: 7, count: 3000 })
  expect(tally.findings).toEqual([])
  expect(isGoodCbor(tally)).toBe(true)
  expect(tellCbor(tally)).toContain('3000 inputs')
})

/** A peer with one fault. */
function faulty(change: Partial<CborPeer>): CborPeer {
  const [peer] = cborPeers
  if (peer === undefined) throw new Error('no peer')
  return { ...peer, name: 'faulty', ...change }
}

test.each<[string, CborPeer]>([
  ['reads another value', faulty({ read: () => 'n1' })],
  ['writes other bytes', faulty({ write: () => Buffer.from([0xf6]) })],
  [
    'refuses everything',
    faulty({
      read: () => {
        throw new Error('no')
      },
    }),
  ],
])('the run sees a codec that %s', (_, peer) => {
  const tally = runCbor({ seed: 7, count: 200 }, [peer])
  expect(tally.findings.length).toBeGreaterThan(0)
  expect(isGoodCbor(tally)).toBe(false)
})

test('a run without inputs is not good', () => {
  expect(isGoodCbor(runCbor({ seed: 1, count: 0 }))).toBe(false)
})

test('a tag of more than 53 bits keeps its number', () => {
  expect(textOf(new CborTag(2n ** 60n + 1n, 1))).toBe('1152921504606846977(n1)')
})
