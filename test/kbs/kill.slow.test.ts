import { killPublications } from '../../testkit/kbs-kill.ts'

test('kbs-publish that is killed opens nothing, and the next run finishes', async () => {
  const { killed, asked, findings } = await killPublications(5)
  expect(findings).toEqual([])
  expect(killed).toBeGreaterThan(0)
  expect(asked).toBeGreaterThan(5)
})
