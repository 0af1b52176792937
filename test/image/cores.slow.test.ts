import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { peer, withPeers } from '../../testkit/peers.ts'
import { makeImage, type Short } from './make-image.ts'

const child = join(import.meta.dirname, 'cores-child.ts')

withPeers(['taskset'], 'one core and all of them, with and without threads: the same bytes come out', async () => {
  const layer = (seed: number): Short[] =>
    Array.from({ length: 400 }, (_, i) => ({
      path: `${seed}/${i}`,
      text: Buffer.alloc((i * i * 37) % 300_000, `${i}`),
    }))
  for (const compression of ['gzip', 'zstd'] as const) {
    const { directory } = await makeImage([layer(1), layer(2), layer(3)], { compression })
    const found = ['threads', 'none'].flatMap((how) =>
      [[], [peer('taskset'), '-c', '0']].map((before) => {
        const [command, ...args] = [...before, process.execPath, child, directory, how] as const
        return execFileSync(command, args, { encoding: 'utf8' })
      }),
    )
    expect(found[0]).toMatch(/^sha256:/)
    expect(new Set(found).size).toBe(1)
  }
})
