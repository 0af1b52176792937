import type { Digest } from '../../src/oci/types.ts'
import { effectiveStatus, replaces, type StatusStatement } from '../../src/verify/status/effective.ts'

const now = new Date('2026-06-01T00:00:00Z')
let count = 0

function statement(
  serial: number,
  issued: string,
  more: Partial<StatusStatement['predicate']> = {},
  signers = ['a'],
): StatusStatement {
  const payload: Digest = `sha256:${String(++count).padStart(64, '0')}`
  const predicate = { status: 'active', serial, issued, ...more } as StatusStatement['predicate']
  return { manifest: payload, payload, subject: payload, signers, predicate }
}

const revoked = { status: 'revoked', reason: 'leak', from: '2026-01-01T00:00:00Z' } as const
const by = { digest: { sha256: 'b'.repeat(64) } }

test('the highest serial counts, whatever time the others state and in whatever order they come', () => {
  const [old, last] = [statement(1, '2026-05-30T00:00:00Z'), statement(2, '2026-05-01T00:00:00Z', revoked)]
  for (const list of [
    [old, last],
    [last, old],
  ]) {
    const found = effectiveStatus(list, now)
    expect([found.state, found.decisive, found.standing]).toEqual(['revoked', last, [last]])
  }
  expect([replaces(last, old), replaces(old, last), replaces(old, old)]).toEqual([true, false, false])
})

test('of equal serials the later counts; equal in both they contradict each other', () => {
  const list = [statement(1, '2026-05-01T00:00:00Z', revoked), statement(1, '2026-05-02T00:00:00Z')]
  expect(effectiveStatus(list, now).state).toBe('active')
  const pair = [
    statement(3, '2026-05-02T00:00:00Z'),
    statement(3, '2026-05-02T00:00:00Z', { status: 'superseded', by }),
  ]
  expect(effectiveStatus([...list, ...pair], now).state).toBe('contradictory')
  expect(replaces(pair[0]!, pair[1]!) || replaces(pair[1]!, pair[0]!)).toBe(false)
})

test('a later statement of the same signer takes a revocation back; that of another signer does not', () => {
  const gone = statement(1, '2026-05-01T00:00:00Z', revoked, ['a'])
  expect(effectiveStatus([gone, statement(2, '2026-05-02T00:00:00Z', {}, ['a'])], now).state).toBe('active')
  expect(effectiveStatus([gone, statement(2, '2026-05-02T00:00:00Z', {}, ['b'])], now).state).toBe('revoked')
})

test('a statement of two signers is one of each of them', () => {
  const both = statement(1, '2026-05-01T00:00:00Z', {}, ['a', 'b'])
  const found = effectiveStatus([both, statement(2, '2026-05-02T00:00:00Z', revoked, ['b'])], now)
  expect([found.state, found.standing.length]).toEqual(['revoked', 2])
})

test('what is announced for later is not so yet', () => {
  const later = '2026-07-01T00:00:00Z'
  expect(effectiveStatus([statement(1, '2026-05-01T00:00:00Z', { ...revoked, from: later })], now).state).toBe('active')
  const ending = [statement(1, '2026-05-01T00:00:00Z', { status: 'end-of-life', date: later })]
  expect(effectiveStatus(ending, now).state).toBe('active')
  expect(effectiveStatus(ending, new Date(later)).state).toBe('end-of-life')
})

test('a statement from the future waits, but a revocation counts from the time that it names', () => {
  const early = statement(2, '2026-06-02T00:00:00Z')
  const found = effectiveStatus([statement(1, '2026-05-01T00:00:00Z'), early], now)
  expect([found.state, found.standing.length, found.early]).toEqual(['active', 1, [early]])
  expect(effectiveStatus([statement(2, '2026-06-02T00:00:00Z', revoked)], now).state).toBe('revoked')
})

test('what has expired is not fresh, and a revocation does not expire', () => {
  const expires = '2026-05-15T00:00:00Z'
  expect(effectiveStatus([statement(1, '2026-05-01T00:00:00Z', { expires })], now)).toMatchObject({
    state: 'active',
    freshest: null,
  })
  expect(effectiveStatus([statement(1, '2026-05-01T00:00:00Z', { ...revoked, expires })], now).state).toBe('revoked')
})

test('nothing said is no state', () => {
  expect(effectiveStatus([], now)).toEqual({ state: 'none', decisive: null, standing: [], early: [], freshest: null })
})
