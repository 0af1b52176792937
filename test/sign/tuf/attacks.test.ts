import type { TufWriter } from '../../../testkit/sigstore/tuf.ts'
import { makeTufKey, type TufTestKey } from '../../../testkit/sigstore/tuf.ts'
import type { JsonObject } from '../../../src/base/json.ts'
import { content, name, world } from './setup.ts'

type World = ReturnType<typeof world>

/** What an attacker serves after the client has seen the second release, and what the client says. */
interface Attack {
  does: (world: World, old: ReadonlyMap<string, Buffer>) => void
  code: string
  message: RegExp
}

const past = '2026-11-30T12:00:00Z'
const targets = { [name]: content('three') }

const attacks: Readonly<Record<string, Attack>> = {
  'rollback of the timestamp': {
    does: ({ files }, old) => old.forEach((bytes, path) => files.set(path, bytes)),
    code: 'rolled-back',
    message: /timestamp\.json has the version 1, but version 2 was seen before/,
  },
  'rollback of the snapshot': {
    does: ({ writer }) => writer.publish({ targets, versions: { snapshot: 1 } }),
    code: 'rolled-back',
    message: /snapshot\.json in timestamp\.json has the version 1, but version 2/,
  },
  'rollback of the targets': {
    does: ({ writer }) => writer.publish({ targets, versions: { targets: 1 } }),
    code: 'rolled-back',
    message: /targets\.json in snapshot\.json has the version 1, but version 2/,
  },
  'a snapshot that no longer names the targets': {
    does: ({ writer }) =>
      writer.publish({
        targets,
        change: { snapshot: (signed) => ({ ...signed, meta: { 'other.json': { version: 1 } } }) },
      }),
    code: 'rolled-back',
    message: /no longer names targets\.json/,
  },
  'two timestamps of one version': {
    does: ({ writer }) => writer.publish({ targets, versions: { timestamp: 2 } }),
    code: 'rolled-back',
    message: /timestamp\.json of version 2 is not the one that was seen before/,
  },
  'freeze: a timestamp that has expired': {
    does: ({ writer }) => writer.publish({ targets, expires: { timestamp: past } }),
    code: 'expired',
    message: /timestamp\.json of version 3 expired at 2026-11-30T12:00:00\.000Z/,
  },
  'an expired snapshot': {
    does: ({ writer }) => writer.publish({ targets, expires: { snapshot: past } }),
    code: 'expired',
    message: /snapshot\.json of version 3 expired/,
  },
  'expired targets': {
    does: ({ writer }) => writer.publish({ targets, expires: { targets: past } }),
    code: 'expired',
    message: /targets\.json of version 3 expired/,
  },
  'an expired root': {
    does: ({ writer }) => void writer.publishRoot({ expires: past }),
    code: 'expired',
    message: /root\.json of version 2 expired/,
  },
  'a root that skips a version': {
    does: ({ writer }) => void writer.publishRoot({ version: 3 }),
    code: 'rolled-back',
    message: /root\.json has the version 3 where 2 has to follow/,
  },
  'a root that the old keys have not signed': {
    does: ({ writer }) => {
      writer.keys.root = [makeTufKey(), makeTufKey()]
      writer.publishRoot({ signers: writer.keys.root })
    },
    code: 'signature-invalid',
    message: /root\.json is signed by 0 of the keys of root version 1; 2 are required/,
  },
  'a root that its own keys have not signed': {
    does: ({ writer }) => {
      const old = writer.keys.root
      writer.keys.root = [makeTufKey(), makeTufKey()]
      writer.publishRoot({ signers: old })
    },
    code: 'signature-invalid',
    message: /root\.json is signed by 0 of its own keys; 2 are required/,
  },
  'threshold of the targets not met': {
    does: ({ writer }) => writer.publish({ targets, signers: { targets: writer.keys.targets.slice(1) } }),
    code: 'signature-invalid',
    message: /targets\.json is signed by 1 of the keys of root version 1; 2 are required/,
  },
  'a timestamp by the key of another role': {
    does: ({ writer }) => writer.publish({ targets, signers: { timestamp: writer.keys.snapshot } }),
    code: 'signature-invalid',
    message: /timestamp\.json is signed by 0/,
  },
  'one key under two ids': {
    does: ({ writer }) => {
      const [first] = writer.keys.targets
      if (first === undefined) return
      const twin: TufTestKey = { ...first, id: 'e'.repeat(64) }
      writer.keys.targets = [first, twin]
      writer.publishRoot()
      writer.publish({ targets })
    },
    code: 'signature-invalid',
    message: /targets\.json is signed by 1 of the keys of root version 2; 2 are required/,
  },
  'a target of another length': {
    does: ({ writer, files }) => {
      writer.publish({ targets })
      spoil(writer, files, (bytes) => bytes.subarray(1))
    },
    code: 'digest-mismatch',
    message: /trusted_root\.json has 18 bytes, but targets\.json names one of 19/,
  },
  'a target with another hash': {
    does: ({ writer, files }) => {
      writer.publish({ targets })
      spoil(writer, files, () => content('thr33'))
    },
    code: 'digest-mismatch',
    message: /trusted_root\.json has the sha256 [0-9a-f]{64}, but targets\.json names/,
  },
  'endless data in place of a target': {
    does: ({ writer, files }) => {
      writer.publish({ targets })
      spoil(writer, files, endless)
    },
    code: 'format-invalid',
    message: /is larger than the limit of 19 bytes/,
  },
  'endless data in place of the timestamp': {
    does: ({ files }) => files.set('timestamp.json', endless),
    code: 'format-invalid',
    message: /timestamp\.json is larger than the limit of 16384 bytes/,
  },
  'endless data in place of a root': {
    does: ({ files }) => files.set('2.root.json', endless),
    code: 'format-invalid',
    message: /2\.root\.json is larger than the limit of 512000 bytes/,
  },
  'mix and match: the snapshot of another release': {
    does: ({ writer, files }, old) => {
      writer.publish({ targets })
      files.set('3.snapshot.json', old.get('1.snapshot.json') ?? Buffer.alloc(0))
    },
    code: 'digest-mismatch',
    message: /snapshot\.json has the sha256 [0-9a-f]{64}, but timestamp\.json names/,
  },
  'mix and match: by version alone, where no hash is stated': {
    does: ({ writer, files }, old) => {
      const bare = (signed: JsonObject): JsonObject => ({ ...signed, meta: { 'snapshot.json': { version: 3 } } })
      writer.publish({ targets, change: { timestamp: bare } })
      files.set('3.snapshot.json', old.get('2.snapshot.json') ?? Buffer.alloc(0))
    },
    code: 'digest-mismatch',
    message: /snapshot\.json has the version 2, but timestamp\.json names 3/,
  },
  'mix and match: targets of another release': {
    does: ({ writer, files }, old) => {
      writer.publish({ targets })
      files.set('3.targets.json', old.get('2.targets.json') ?? Buffer.alloc(0))
    },
    code: 'digest-mismatch',
    message: /targets\.json has the sha256 [0-9a-f]{64}, but snapshot\.json names/,
  },
  'a hash that cannot be compared': {
    does: ({ writer }) =>
      writer.publish({
        targets,
        change: {
          targets: (signed) => ({ ...signed, targets: { [name]: { length: 19, hashes: { md5: 'f'.repeat(32) } } } }),
        },
      }),
    code: 'format-invalid',
    message: /has neither a sha256 nor a sha512/,
  },
  'a snapshot in place of a timestamp': {
    does: ({ writer, files }) => {
      writer.keys.timestamp = writer.keys.snapshot
      writer.publishRoot()
      writer.publish({ targets })
      files.set('timestamp.json', writer.files.get('3.snapshot.json') ?? Buffer.alloc(0))
    },
    code: 'format-invalid',
    message: /timestamp\.json is not of the type "timestamp"/,
  },
}

test.each(Object.entries(attacks))('%s is refused', async (_name, { does, code, message }) => {
  const here = world()
  await here.get()
  here.writer.publish({ targets: { [name]: content('two') } })
  const old = new Map([...here.writer.files].map(([path, bytes]) => [path, bytes]))
  const first = new Map([...here.files].map(([path, bytes]) => [path, bytes as Buffer]))
  here.sync()
  await expect(here.get()).resolves.toBe(content('two').toString())

  const served = new Map(here.files)
  does(here, _name === 'rollback of the timestamp' ? first : old)
  // What the writer has written is served, unless the attack put something else in its place.
  for (const [path, bytes] of here.writer.files)
    if (here.files.get(path) === served.get(path)) here.files.set(path, bytes)
  await expect(here.get()).rejects.toMatchObject({ code, message: expect.stringMatching(message) })
  // What was kept of it makes it no better the second time, and nothing but the good release is ever given.
  await expect(here.get()).rejects.toMatchObject({ code })
  const kept = await here.get({ offline: true }).catch(() => content('two').toString())
  expect(kept).toBe(content('two').toString())
})

function spoil(writer: TufWriter, files: World['files'], change: ((bytes: Buffer) => Buffer) | (() => Response)): void {
  const path = [...writer.files.keys()].findLast((each) => each.startsWith('targets/')) ?? ''
  const bytes = writer.files.get(path) ?? Buffer.alloc(0)
  files.set(path, change === endless ? endless : (change as (bytes: Buffer) => Buffer)(bytes))
}

/** Never ends, so a client that reads to the end never answers. */
function endless(): Response {
  return new Response(new ReadableStream({ pull: (to) => to.enqueue(new Uint8Array(1024)) }))
}
