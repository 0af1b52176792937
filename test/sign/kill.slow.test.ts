import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readdir } from 'node:fs/promises'
import { join } from 'node:path'
import { setImmediate as turn } from 'node:timers/promises'
import { collect } from '../../src/base/streams.ts'
import type { Store } from '../../src/oci/types.ts'
import { findCosignSignatures, findStatements } from '../../src/sign/find.ts'
import { compileCacheEnv } from '../../testkit/compile-cache.ts'
import { withPeers } from '../../testkit/peers.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { storeOf } from './fixtures.ts'
import { job, stopAgents, type Job } from './job.ts'

afterEach(stopAgents)

/** Starts the action as a process; `at` counts requests that write, `blobs` the files of a layout that appear before it is killed. */
async function interrupted(
  { ports, directory }: Job,
  output: string,
  kill: { at?: number; when?: 'before' | 'after'; blobs?: number },
): Promise<boolean> {
  const order = { given: { output }, cwd: ports.roots.cwd, directory, at: kill.at ?? 0, when: kill.when ?? 'before' }
  const child = spawn(process.execPath, [join(import.meta.dirname, 'kill-child.ts'), JSON.stringify(order)], {
    stdio: ['ignore', 'ignore', 'inherit'],
    env: { ...ports.env, ...compileCacheEnv } as NodeJS.ProcessEnv,
  })
  const exit = once(child, 'exit')
  const folder = join(ports.roots.cwd, output.slice('oci:'.length), 'blobs/sha256')
  while (kill.blobs !== undefined && child.exitCode === null && child.signalCode === null) {
    if ((await readdir(folder).catch(() => [])).length >= kill.blobs) child.kill('SIGKILL')
    await turn()
  }
  const [code, signal] = (await exit) as [number | null, NodeJS.Signals | null]
  if (code !== null && code !== 0) throw new Error(`the action ended with ${code}`)
  return signal === 'SIGKILL'
}

/** Everything that a reader can see, without what is random in it; every manifest and blob is read. */
async function seen(store: Store, { image }: Job): Promise<unknown> {
  const statements = await findStatements(store, image)
  const signatures = await findCosignSignatures(store, image)
  const referrers = await store.referrers(image.digest)
  for (const { digest } of referrers) {
    const { content } = await store.getManifest(digest)
    for (const blob of 'layers' in content ? [content.config, ...content.layers] : []) {
      await collect(await store.openBlob(blob), blob.size, blob.digest)
    }
  }
  return {
    statements: statements.map(({ origin, predicateType }) => `${origin} ${predicateType}`).sort(),
    signatures: signatures.map(({ claims }) => claims.digest),
    referrers: referrers.map(({ artifactType }) => artifactType).sort(),
    tags: await store.tags(),
    tagged: (await store.resolve({ tag: 'latest' }))?.digest,
  }
}

test('killed at any moment over a layout, a second run ends in the undisturbed state', async () => {
  const quiet = await job()
  await quiet.sign()
  const expected = await seen(quiet.published, quiet)
  let killed = 0
  for (const blobs of [1, 5, 10, 15, 20, 26]) {
    const disturbed = await job()
    if (await interrupted(disturbed, 'oci:out', { blobs })) killed++
    await disturbed.sign()
    expect([blobs, await seen(disturbed.published, disturbed)]).toEqual([blobs, expected])
    await stopAgents()
  }
  expect(killed).toBeGreaterThan(3)
}, 180_000)

for (const kind of ['docker', 'referrers'] as const) {
  withPeers(
    [registryPeers[kind]],
    `killed around any write to a registry (${kind}), a second run ends in the undisturbed state`,
    async () => {
      const registry = await startRegistry(kind)
      try {
        const quiet = await job()
        await quiet.sign({ output: `${registry.host}/app/quiet` })
        const expected = await seen(storeOf(`${registry.host}/app/quiet`, quiet.ports), quiet)
        let killed = true
        for (let at = 1; killed; at += 15) {
          for (const when of ['before', 'after'] as const) {
            const disturbed = await job()
            const output = `${registry.host}/app/${when}-${at}`
            killed = await interrupted(disturbed, output, { at, when })
            // What the killed run left must never point to what is not there.
            const store = storeOf(output, disturbed.ports)
            await seen(store, disturbed)
            await disturbed.sign({ output })
            expect([at, when, await seen(store, disturbed)]).toEqual([at, when, expected])
            await stopAgents()
          }
        }
      } finally {
        await registry.close()
      }
    },
    300_000,
  )
}
