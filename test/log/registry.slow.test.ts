import { noteSigner } from '../../testkit/log.ts'
import { withPeers } from '../../testkit/peers.ts'
import { testPorts } from '../../testkit/ports.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { currentHead } from '../../src/log/open-log.ts'
import { openLogFiles, openLogStore } from '../../src/log/open-store.ts'
import { verifyLog } from '../../src/log/verify-log.ts'
import { createLog, LogWriter } from '../../src/log/writer.ts'
import { parseNoteKey } from '../../src/sign/signed-note.ts'

const entries = (name: string, count: number): Buffer[] =>
  Array.from({ length: count }, (_, i) => Buffer.from(`${name} ${i}`))

for (const kind of ['docker', 'referrers'] as const) {
  withPeers([registryPeers[kind]], `a log lies in a registry (${kind}): made, appended to, verified`, async () => {
    const registry = await startRegistry(kind)
    try {
      const ports = testPorts()
      const place = `${registry.host}/team/log:main`
      const signer = await noteSigner()
      const key = parseNoteKey(signer.vkey, 'log')
      await expect(currentHead(openLogFiles(place, ports), key)).rejects.toMatchObject({ code: 'not-found' })
      await createLog(openLogStore(place, ports), signer, null, {})
      await expect(createLog(openLogStore(place, ports), signer, null, {})).rejects.toMatchObject({ code: 'exists' })
      for (const [name, count] of [
        ['a', 1],
        ['b', 300],
        ['c', 2],
      ] as const) {
        const { head } = await new LogWriter(openLogStore(place, ports), signer, null, ports).append(
          entries(name, count),
        )
        await verifyLog(openLogFiles(place, ports), head)
      }
      const again = await new LogWriter(openLogStore(place, ports), signer, null, ports).append(entries('b', 300))
      expect(again.places.every(({ state }) => state === 'present')).toBe(true)
      expect((await currentHead(openLogFiles(place, ports), key)).size).toBe(303)
    } finally {
      await registry.close()
    }
  })
}
