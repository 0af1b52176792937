import { killWriters, manyWriters } from '../../testkit/log-crash.ts'

test('writers that are killed at any moment leave one history, and lose nothing that they acknowledged', async () => {
  const { faults, size } = await killWriters(5, Math.random)
  expect(faults).toEqual([])
  expect(size).toBeGreaterThan(5)
}, 300_000)

test('16 processes append at once', async () => {
  const { faults, size } = await manyWriters(16, 5)
  expect(faults).toEqual([])
  expect(size).toBe(80)
}, 300_000)
