import { setTimeout as wait } from 'node:timers/promises'
import { TransportError, VerificationError } from '../../src/base/errors.ts'
import { sha256, verified, type ByteSource } from '../../src/base/streams.ts'
import { readAhead, readAll } from '../../src/oci/read-ahead.ts'
import type { Digest, Store } from '../../src/oci/types.ts'
import { testPorts } from '../../testkit/ports.ts'
import { codeOf, storeOf } from './helpers.ts'

interface Blob {
  readonly digest: Digest
  readonly size: number
}

interface Asked {
  readonly store: Store
  /** Digests, in the order in which they were asked for. */
  readonly opened: Digest[]
  readonly most: () => number
  /** Blobs whose reader let go before the end. */
  readonly left: Set<Digest>
}

/** A store far away, with a blob for each text; `broken` ones come as other bytes of the same length. */
function distant(texts: readonly string[], broken: readonly number[] = []): Asked & { readonly blobs: Blob[] } {
  const blobs = texts.map((text) => ({ digest: sha256(text), size: text.length }))
  const bytes = new Map<string, string>(
    texts.map((text, i) => [sha256(text), broken.includes(i) ? text.replaceAll('x', 'y') : text]),
  )
  const [opened, left]: [Digest[], Set<Digest>] = [[], new Set()]
  let [running, most] = [0, 0]
  async function* slow(blob: Blob): ByteSource {
    let ended = false
    try {
      const text = bytes.get(blob.digest) ?? ''
      for (const part of [text.slice(0, 1), text.slice(1)]) {
        await wait(2)
        yield Buffer.from(part)
      }
      ended = true
    } finally {
      running--
      if (!ended) left.add(blob.digest)
    }
  }
  const store: Store = {
    ...storeOf('127.0.0.1:1/a/app', testPorts()),
    openBlob: (blob) => {
      opened.push(blob.digest)
      most = Math.max(most, ++running)
      return Promise.resolve(verified(slow(blob), blob))
    },
  }
  return { store, opened, left, most: () => most, blobs }
}

const texts = (count: number, length = 4): string[] =>
  Array.from({ length: count }, (_, i) => String(i).padEnd(length, 'x'))

async function text(store: Store, blob: Blob): Promise<string> {
  const parts: Uint8Array[] = []
  for await (const part of await store.openBlob(blob)) parts.push(Buffer.from(part))
  return Buffer.concat(parts).toString()
}

test('small blobs are read side by side, each once, at most 16 before their turn', async () => {
  const { store, blobs, opened, most } = distant(texts(60))
  const ahead = readAhead(store, blobs)
  const read: string[] = []
  for (const blob of blobs) read.push(await text(ahead.store, blob))
  expect(read).toEqual(texts(60))
  expect(opened.toSorted()).toEqual(blobs.map(({ digest }) => digest).toSorted())
  // The one whose turn it is beside them.
  expect(most()).toBeGreaterThan(8)
  expect(most()).toBeLessThanOrEqual(17)
})

test('what is held is bounded in bytes, and large blobs wait for their turn', async () => {
  const mebibyte = 1 << 20
  const { store, blobs, opened } = distant([...texts(1), ...texts(1, mebibyte + 1), ...texts(40, mebibyte).slice(1)])
  const ahead = readAhead(store, blobs)
  const [first, large] = blobs
  if (first === undefined || large === undefined) throw new Error('no blobs')
  await text(ahead.store, first)
  expect(opened).not.toContain(large.digest)
  expect(opened).toHaveLength(1 + 16)
  expect(await text(ahead.store, large)).toHaveLength(mebibyte + 1)
  ahead.close()
})

test('a blob that cannot be read is an error in its turn, and nothing is read after the end', async () => {
  const { store, blobs, opened } = distant(texts(40), [3])
  const ahead = readAhead(store, blobs)
  for (const blob of blobs.slice(0, 3)) await text(ahead.store, blob)
  const [bad] = blobs.slice(3)
  if (bad === undefined) throw new Error('no blob')
  await expect(text(ahead.store, bad)).rejects.toMatchObject({ code: 'digest-mismatch', subject: bad.digest })
  ahead.close()
  const before = opened.length
  await wait(20)
  expect(opened).toHaveLength(before)
  expect(before).toBeLessThan(25)
})

test('a layer that stands twice in an image does not skip those between', async () => {
  const { store, blobs, most } = distant(texts(12))
  const order = [...blobs, ...blobs.slice(0, 1)]
  const ahead = readAhead(store, order)
  for (const blob of order) await text(ahead.store, blob)
  expect(most()).toBeGreaterThan(8)
})

test('all blobs are read and checked; the first that is wrong is the error, and the others are let go', async () => {
  const good = distant(texts(40))
  await readAll(good.store, [...good.blobs, ...good.blobs])
  expect(good.opened).toHaveLength(40)
  expect(good.most()).toBe(12)
  const bad = distant(texts(40), [2])
  const error = await readAll(bad.store, bad.blobs).catch((reason: unknown) => reason)
  expect(error).toBeInstanceOf(VerificationError)
  expect(error).toMatchObject({ code: 'digest-mismatch', subject: bad.blobs[2]?.digest })
  expect(bad.opened.length).toBeLessThan(40)
})

test('others are let go in the middle when the connection to one of them fails', async () => {
  const { store, blobs, left } = distant(texts(12))
  const failing: Store = {
    ...store,
    openBlob: async (blob) => {
      if (blob.digest !== blobs[11]?.digest) return store.openBlob(blob)
      throw new TransportError('unreachable', 'it broke', { subject: 'host' })
    },
  }
  expect(await codeOf(readAll(failing, blobs))).toBe('unreachable')
  expect(left.size).toBe(11)
})

test('a folder is read directly', () => {
  const store = storeOf('oci:/nowhere', testPorts())
  expect(readAhead(store, []).store).toBe(store)
})
