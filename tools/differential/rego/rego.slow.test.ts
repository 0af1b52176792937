import { withPeers } from '../../../testkit/peers.ts'
import { isGoodRego, runRego, tellRego } from './run.ts'

withPeers(['sealwright-judge'], '3,000 generated policies: the value that regorus gives, or none', () => {
  const tally = runRego({ seed: 11, count: 3000 })
  console.log(tellRego(tally))
  expect(tally.findings).toEqual([])
  expect(isGoodRego(tally)).toBe(true)
  // Without this, a parser that refuses all would pass.
  expect(tally.same / tally.cases).toBeGreaterThan(0.45)
  return Promise.resolve()
})
