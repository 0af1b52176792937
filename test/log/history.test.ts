import { join } from 'node:path'
import type { LogStore } from '../../src/log/files.ts'
import { LogHistory } from '../../src/log/history.ts'
import { currentHead } from '../../src/log/open-log.ts'
import { openLogStore } from '../../src/log/open-store.ts'
import { pinLog } from '../../src/log/pinned-log.ts'
import { createLog, LogWriter } from '../../src/log/writer.ts'
import type { NoteSigner } from '../../src/sign/note-signer.ts'
import { parseNoteKey } from '../../src/sign/signed-note.ts'
import { noteSigner } from '../../testkit/log.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'

const ports = testPorts()

interface Grown {
  store: LogStore
  /** Appends entries. @returns the new checkpoint */
  grow(...entries: string[]): Promise<Buffer>
}

/** A log in a folder of its own; two of one key are two histories. */
async function logOf(signer: NoteSigner): Promise<Grown> {
  const store = openLogStore(join(scratch('history'), 'log'), ports)
  await createLog(store, signer, null, {})
  const key = parseNoteKey(signer.vkey, 'log')
  return {
    store,
    grow: async (...entries) => {
      await new LogWriter(store, signer, null, ports).append(entries.map((text) => Buffer.from(text)))
      return (await currentHead(store, key)).note
    },
  }
}

async function setUp() {
  const signer = await noteSigner()
  return { signer, pinned: pinLog(signer.vkey, null), log: await logOf(signer), fork: await logOf(signer) }
}

const brokenLog = expect.objectContaining({ code: 'log-broken' }) as unknown

test('a log that grew continues what was seen, and its newest checkpoint is remembered', async () => {
  const { pinned, log } = await setUp()
  const one = await log.grow('a')
  const two = await log.grow('b', 'c')
  const now = await log.grow('d')
  const history = new LogHistory(one, log.store)
  expect(await history.check([two], pinned)).toBe('continues')
  expect(history.learned).toEqual(now)
  // An image carries the checkpoint of its own time: older than what was seen is in order.
  const later = new LogHistory(now, log.store)
  expect(await later.check([one, two], pinned)).toBe('continues')
  expect(later.learned).toBeNull()
})

test('the first time there is nothing to compare with; with tiles the image must be in the log of now all the same', async () => {
  const { pinned, log, fork } = await setUp()
  const one = await log.grow('a')
  const offline = new LogHistory(null, null)
  expect(await offline.check([one], pinned)).toBe('first')
  expect(offline.learned).toEqual(one)
  expect(await new LogHistory(null, log.store).check([one], pinned)).toBe('continues')
  await fork.grow('x', 'y')
  await expect(new LogHistory(null, fork.store).check([one], pinned)).rejects.toEqual(brokenLog)
})

test('without tiles other sizes are unchecked, and what was remembered stays', async () => {
  const { pinned, log } = await setUp()
  const one = await log.grow('a')
  const two = await log.grow('b')
  const history = new LogHistory(one, null)
  expect(await history.check([two], pinned)).toBe('unchecked')
  expect(history.learned).toBeNull()
  expect(await new LogHistory(two, null).check([two], pinned)).toBe('continues')
  expect(await new LogHistory(two, null).check([], pinned)).toBe('unchecked')
})

describe('a log that shows something else than before is refused', () => {
  test('a fork of the same size, also without tiles', async () => {
    const { pinned, log, fork } = await setUp()
    const [one, other] = [await log.grow('a'), await fork.grow('b')]
    for (const files of [null, log.store, fork.store]) {
      await expect(new LogHistory(one, files).check([other], pinned)).rejects.toEqual(brokenLog)
      await expect(new LogHistory(null, files).check([one, other], pinned)).rejects.toEqual(brokenLog)
    }
  })

  test('a fork that grew further', async () => {
    const { pinned, log, fork } = await setUp()
    const one = await log.grow('a')
    await log.grow('b')
    const other = await fork.grow('x', 'y', 'z')
    // The log of now is the fork: it does not continue what was seen.
    const history = new LogHistory(one, fork.store)
    await expect(history.check([other], pinned)).rejects.toEqual(brokenLog)
    expect(history.learned).toBeNull()
    // The log of now is the one that was seen: the image's checkpoint is not of it.
    await log.grow('c', 'd')
    await expect(new LogHistory(one, log.store).check([other], pinned)).rejects.toEqual(brokenLog)
  })

  test('a rollback', async () => {
    const { pinned, log, fork } = await setUp()
    await fork.grow('a')
    const one = await log.grow('a')
    const two = await log.grow('b')
    const history = new LogHistory(two, fork.store)
    await expect(history.check([one], pinned)).rejects.toEqual(brokenLog)
    expect(history.learned).toBeNull()
    // What the image carries is newer than the log shows.
    await expect(new LogHistory(null, fork.store).check([two], pinned)).rejects.toEqual(brokenLog)
  })

  test('a checkpoint whose tiles are not there, or that another key signed', async () => {
    const { pinned, log } = await setUp()
    const one = await log.grow('a')
    await log.grow('b')
    const without = {
      ...log.store,
      name: 'log',
      read: (path: string, limit: number) =>
        path === 'checkpoint' ? log.store.read(path, limit) : Promise.resolve(null),
    }
    await expect(new LogHistory(one, without).check([], pinned)).rejects.toEqual(brokenLog)
    const other = pinLog((await noteSigner()).vkey, null)
    await expect(new LogHistory(null, log.store).check([], other)).rejects.toEqual(brokenLog)
    await expect(new LogHistory(one, null).check([], other)).rejects.toMatchObject({ code: 'signature-invalid' })
  })
})

test('a place without a log is named as such', async () => {
  const { pinned } = await setUp()
  const empty = openLogStore(join(scratch('history'), 'none'), ports)
  await expect(new LogHistory(null, empty).check([], pinned)).rejects.toMatchObject({ code: 'not-found' })
})
