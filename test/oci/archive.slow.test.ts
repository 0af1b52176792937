import { execFile, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createReadStream, existsSync, readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { setTimeout as wait } from 'node:timers/promises'
import { promisify } from 'node:util'
import { digesting } from '../../src/base/streams.ts'
import { manifestBytes } from '../../src/oci/manifest.ts'
import { mediaTypes, type Manifest } from '../../src/oci/types.ts'
import { compileCacheEnv } from '../../testkit/compile-cache.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { storeOf } from './store.ts'

const child = join(import.meta.dirname, 'copy-child.ts')
const env = { PATH: process.env['PATH'], ...compileCacheEnv }
const run = promisify(execFile)

/** A layout with an image of one layer of so many MiB under `v1`; each part of the layer differs. */
async function layout(mebibytes: number, seed = 0): Promise<string> {
  const name = `oci:${scratch('large')}`
  const store = storeOf(name, testPorts())
  async function* bytes(): AsyncGenerator<Uint8Array> {
    for (let i = 0; i < mebibytes; i++) {
      const piece = Buffer.alloc(1 << 20, 'layer')
      piece.writeUInt32LE(i)
      piece.writeUInt32LE(seed, 4)
      yield piece
    }
  }
  const layer = { mediaType: mediaTypes.layerTar, ...(await store.putBlob({ stream: bytes() })) }
  const config = { mediaType: mediaTypes.config, ...(await store.putBlob({ bytes: Buffer.from('{}') })) }
  const manifest: Manifest = { schemaVersion: 2, mediaType: mediaTypes.manifest, config, layers: [layer] }
  await store.putManifest(manifestBytes(manifest), mediaTypes.manifest, { tag: 'v1' })
  return name
}

const digestOf = async (path: string): Promise<string> => {
  const { stream, result } = digesting(createReadStream(path))
  for await (const piece of stream) void piece
  return result().digest
}

test('a copy into an archive and out of it holds no layer: it grows by less than 40 MiB for one of 400', async () => {
  const from = await layout(400)
  const archive = `oci-archive:${join(scratch(), 'a.tar')}`
  for (const way of [
    [from, archive],
    [archive, `oci:${scratch()}`],
  ]) {
    const { stdout } = await run(process.execPath, [child, ...way], { env })
    expect(Number(stdout)).toBeLessThan(40)
  }
}, 120_000)

test('a writer that is killed at any moment leaves no archive or the old one, and running it again gives the whole', async () => {
  const [old, next] = [await layout(8, 1), await layout(32, 2)]
  const copied = async (from: string, path: string, killAfterMs: number | null): Promise<boolean> => {
    const copy = spawn(process.execPath, [child, from, `oci-archive:${path}`], { env, stdio: 'ignore' })
    const ended = once(copy, 'exit')
    if (killAfterMs !== null) {
      await Promise.race([wait(killAfterMs), ended])
      copy.kill('SIGKILL')
    }
    const [, signal] = (await ended) as [number | null, string | null]
    return signal === 'SIGKILL'
  }
  const [made, fresh] = [join(scratch(), 'a.tar'), join(scratch(), 'a.tar')]
  await copied(old, made, null)
  const before = await digestOf(made)
  const began = performance.now()
  await copied(next, made, null)
  const tookMs = performance.now() - began
  const after = await digestOf(made)
  await copied(next, fresh, null)
  const alone = await digestOf(fresh)
  let killed = 0
  for (let i = 0; i < 6; i++) {
    const path = join(scratch(), 'a.tar')
    const onOld = i % 2 === 0
    if (onOld) await copied(old, path, null)
    if (await copied(next, path, tookMs * (0.3 + 0.7 * Math.random()))) killed++
    // Equal content gives equal bytes.
    expect(onOld ? [before, after] : [null, alone]).toContain(existsSync(path) ? await digestOf(path) : null)
    expect(await copied(next, path, null)).toBe(false)
    expect(await digestOf(path)).toBe(onOld ? after : alone)
    expect(readdirSync(dirname(path))).toEqual(['a.tar'])
  }
  expect(killed).toBeGreaterThan(0)
}, 240_000)
