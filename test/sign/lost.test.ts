import { setTimeout as wait } from 'node:timers/promises'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { fallbackTag } from '../../src/oci/digest.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Digest, type Store } from '../../src/oci/types.ts'
import { findCosignSignatures, findStatements } from '../../src/sign/find.ts'
import { legacyTag } from '../../src/sign/legacy.ts'
import { keepWritten } from '../../src/tasks/sign/keep.ts'
import { withPeers } from '../../testkit/peers.ts'
import { registryPeers, startRegistry } from '../../testkit/registry.ts'
import { testPorts } from '../../testkit/ports.ts'
import { privatePem, putImage, storeOf } from './fixtures.ts'
import { job, runSign } from './job.ts'

/** A job whose pauses are used by another writer, who had read the tags before the job wrote and now writes its own state. */
async function beside(
  times: number,
  check: (result: Promise<unknown>, counts: Counts) => Promise<void>,
): Promise<void> {
  const registry = await startRegistry('docker')
  try {
    const made = await job({ agent: false })
    writeFileSync(join(made.ports.roots.cwd, 'my.key'), privatePem())
    const place = `${registry.host}/team/app`
    const store = storeOf(place, testPorts())
    const image = await putImage(store, 'v1')
    let left = times
    const overwrite = async (): Promise<void> => {
      const index = manifestBytes({ schemaVersion: 2, mediaType: mediaTypes.index, manifests: [] })
      await store.putManifest(index, mediaTypes.index, { tag: fallbackTag(image.digest) })
      for (const kind of ['sig', 'att'] as const) await store.tag(legacyTag(image.digest, kind), image.digest)
    }
    const clock: Ports['clock'] = {
      ...made.ports.clock,
      sleep: async (ms) => {
        if (ms >= 250 && left-- > 0) await overwrite()
        else await wait(1)
      },
    }
    const given = { image: `${place}:v1`, output: '', signer: 'key', key: 'my.key', statements: 'sign\nspdx' }
    const run = runSign(given, { ...made.ports, clock }, made.directory)
    await check(run, () => count(store, image.digest))
  } finally {
    await registry.close()
  }
}

type Counts = () => Promise<Record<'bundles' | 'attestations' | 'signatures', number>>

async function count(store: Store, digest: Digest): ReturnType<Counts> {
  const { descriptor } = await store.getManifest(digest)
  const found = await findStatements(store, descriptor, { onBroken: () => {} })
  const of = (origin: string): number => found.filter((one) => one.origin === origin).length
  return {
    bundles: of('referrer'),
    attestations: of('att'),
    signatures: (await findCosignSignatures(store, descriptor)).length,
  }
}

withPeers([registryPeers.docker], 'what another writer takes out of listing and tags is written again', () =>
  beside(2, async (run, counts) => {
    await run
    expect(await counts()).toEqual({ bundles: 2, attestations: 1, signatures: 1 })
  }),
)

withPeers([registryPeers.docker], 'a run whose signatures are lost again and again fails', () =>
  beside(Number.POSITIVE_INFINITY, async (run, counts) => {
    await expect(run).rejects.toMatchObject({ code: 'registry-error', message: /keeps losing signatures/ })
    expect((await counts()).signatures).toBe(1)
  }),
)

test('a layout, and a run that added nothing, wait for nobody', async () => {
  const clock = { ...testPorts().clock, sleep: () => Promise.reject(new Error('it waited')) }
  const writer = (state: 'added' | 'present'): Parameters<typeof keepWritten>[1][number] =>
    ({ receipts: [{ state }], confirm: () => Promise.resolve(true) }) as never
  const store = (kind: string): Store => ({ kind, name: 'it' }) as Store
  const ports = { clock, random: testPorts().random }
  await keepWritten(store('layout'), [writer('added')], ports)
  await keepWritten(store('registry'), [writer('present')], ports)
  await expect(keepWritten(store('registry'), [writer('added')], ports)).rejects.toThrow('it waited')
})

test('a tag is moved only from where the caller saw it', async () => {
  const store = storeOf('oci:layout', testPorts())
  const [one, other] = [await putImage(store, 'v1', 'one'), await putImage(store, 'v2', 'other')]
  expect(await store.retag?.('v1', other.digest, null)).toBe(false)
  expect(await store.retag?.('v1', other.digest, other.digest)).toBe(false)
  expect((await store.resolve({ tag: 'v1' }))?.digest).toBe(one.digest)
  expect(await store.retag?.('v1', other.digest, one.digest)).toBe(true)
  expect((await store.resolve({ tag: 'v1' }))?.digest).toBe(other.digest)
  expect(await store.retag?.('new', one.digest, null)).toBe(true)
})
