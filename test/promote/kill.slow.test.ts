import { join } from 'node:path'
import { withPeers } from '../../testkit/peers.ts'
import { scratch } from '../../testkit/ports.ts'
import { killPromotions } from '../../testkit/promote-kill.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'

test('a promotion to a layout that is killed leaves the old image or a whole one under the tag', async () => {
  const folder = scratch('promote-kill-layout')
  const { killed, findings } = await killPromotions(5, (number) => `oci:${join(folder, String(number))}`)
  expect(findings).toEqual([])
  expect(killed).toBeGreaterThan(1)
})

withPeers([registryPeers.docker], 'a promotion to a registry that is killed does too', async () => {
  const registry = await startRegistry('docker')
  try {
    const { killed, findings } = await killPromotions(5, (number) => `${registry.host}/prod/app${number}`)
    expect(findings).toEqual([])
    expect(killed).toBeGreaterThan(1)
  } finally {
    await registry.close()
  }
})
