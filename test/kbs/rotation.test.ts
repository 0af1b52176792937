import { randomBytes } from 'node:crypto'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Ports } from '../../src/base/ports.ts'
import { encryptImage } from '../../src/encrypt/encrypt-image.ts'
import { kekBytes, wrapWithKek } from '../../src/encrypt/packet.ts'
import { readRecipients } from '../../src/encrypt/recipients.ts'
import type { Image } from '../../src/image/types.ts'
import { loadImage } from '../../src/image/load.ts'
import type { Store } from '../../src/oci/types.ts'
import { runInProcess } from '../../testkit/in-process.ts'
import { storedByKbs } from '../../testkit/kbs-stored.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { makeImage } from '../encrypt/support.ts'

// A key is rotated while guests run: release 2 has a new key at a new path and the layers of release 1, whose guests go on until a date.

const old = 'kbs:///team/image-key/app-1'
const next = 'kbs:///team/image-key/app-2'
const head = 'version: 1\naccept-sample: true\nretire: delete\nresources:'
const sample = 'admit: [{technology: sample}]'

interface Place {
  readonly directory: string
  readonly store: Store
  readonly plain: Image
  /** Requests to change the KBS, as `METHOD path`. */
  readonly writes: string[]
  keyFile(name: string): string
  /** Runs the command line on a day, as a job of its own. */
  on(day: string, ...words: string[]): Promise<string>
  publish(day: string, plan: string): Promise<string>
  /** A guest that starts and opens the image under a tag: `done`, or the code of its error. */
  start(day: string, tag: string): Promise<string>
}

function portsOn(day: string, writes: string[]): Ports {
  const base = testPorts()
  return {
    ...base,
    clock: { ...base.clock, now: () => new Date(`${day}T12:00:00Z`) },
    http: {
      ...base.http,
      request: (url, options) => {
        const { method = 'GET' } = options ?? {}
        if (method !== 'GET') writes.push(`${method} ${new URL(url).pathname.replace('/kbs/v0/', '')}`)
        return base.http.request(url, options)
      },
    },
  }
}

async function place(): Promise<Place> {
  const directory = scratch('rotation')
  const { store, image: plain } = await makeImage(join(directory, 'images'), testPorts(), [
    randomBytes(100_000),
    Buffer.from('second'),
  ])
  const writes: string[] = []
  const keyFile = (name: string): string => join(directory, name)
  const key = randomBytes(kekBytes)
  writeFileSync(keyFile('app-1'), key)
  writeFileSync(keyFile('app-2'), randomBytes(kekBytes))
  const wrapping = {
    recipients: await readRecipients([old], () => Promise.reject(new Error('no file'))),
    random: randomBytes,
    kek: (_uri: string, plaintext: Buffer) => {
      const iv = randomBytes(12)
      return Promise.resolve({ wrapped: wrapWithKek(key, plaintext, iv), iv })
    },
  }
  await encryptImage(store, plain, { target: store, ...wrapping }, { tag: 'release-1' })
  const kbs = `embedded:${join(directory, 'kbs')}`
  const on: Place['on'] = async (day, ...words) => (await runInProcess(words, portsOn(day, writes))).outcome
  let guests = 0
  return {
    ...{ directory, store, plain, writes, keyFile, on },
    publish: async (day, plan) => {
      writeFileSync(join(directory, 'plan.yml'), `${head}\n${plan}`)
      return on(day, 'kbs-publish', '--kbs-url', kbs, '--plan', join(directory, 'plan.yml'))
    },
    start: async (day, tag) => {
      const output = `oci:${join(directory, `guest-${++guests}`)}:plain`
      return on(day, 'decrypt', `oci:${join(directory, 'images')}:${tag}`, '--output', output, '--kbs-url', kbs, '--technology', 'sample')
    },
  }
}

const only = ({ keyFile }: Place): string => `  - {uri: "${old}", source: "file:${keyFile('app-1')}", ${sample}}\n`
const both = ({ keyFile }: Place): string =>
  `  - {uri: "${old}", source: kept, until: 2026-06-30, ${sample}}\n  - {uri: "${next}", source: "file:${keyFile('app-2')}", ${sample}}\n`
const rewrap = ({ directory, keyFile, on }: Place, ...keys: string[]): Promise<string> =>
  on(
    '2026-06-01',
    ...['rewrap', `oci:${join(directory, 'images')}:release-1`, '--recipients', next],
    ...['--output', `oci:${join(directory, 'images')}:release-2`],
    ...keys.flatMap((name) => ['--key-file', `kbs:///team/image-key/${name}=${keyFile(name)}`]),
  )

test('a rotated key: both releases start until the date, then the rule of the old one goes before its bytes', async () => {
  const it = await place()
  expect(await it.publish('2026-05-01', only(it))).toBe('done')
  expect(await it.start('2026-05-01', 'release-1')).toBe('done')

  expect(await rewrap(it, 'app-1', 'app-2')).toBe('done')
  const [first, second] = await Promise.all(
    ['release-1', 'release-2'].map(async (tag) => {
      const found = await it.store.resolve({ tag })
      if (found === null) throw new Error(`${tag} is not there`)
      return loadImage(it.store, found.digest)
    }),
  )
  const layersOf = (image: Image | undefined): string[] => image?.manifest.layers.map(({ digest }) => digest) ?? []
  expect(layersOf(second)).toEqual(layersOf(first))
  expect(second?.descriptor.digest).not.toBe(first?.descriptor.digest)
  // Nobody has the new key yet, and a guest of the old release notices nothing.
  expect(await it.start('2026-06-01', 'release-2')).toBe('denied')
  expect(await it.start('2026-06-01', 'release-1')).toBe('done')

  expect(await it.publish('2026-06-01', both(it))).toBe('done')
  expect(await it.start('2026-06-01', 'release-2')).toBe('done')
  // Scale-out of the old release, and a roll-back to it, on its last day too.
  expect(await it.start('2026-06-01', 'release-1')).toBe('done')
  expect(await it.publish('2026-06-30', both(it))).toBe('done')
  expect(await it.start('2026-06-30', 'release-1')).toBe('done')

  it.writes.length = 0
  expect(await it.publish('2026-07-01', both(it))).toBe('done')
  const closing = it.writes.indexOf('POST resource-policy')
  const deletion = it.writes.indexOf('DELETE resource/team/image-key/app-1')
  expect(closing).toBeGreaterThanOrEqual(0)
  expect(deletion).toBeGreaterThan(it.writes.lastIndexOf('POST resource-policy'))
  expect(await it.start('2026-07-01', 'release-1')).toBe('denied')
  expect(await it.start('2026-07-01', 'release-2')).toBe('done')
  const held = [...storedByKbs(join(it.directory, 'kbs')).keys()].filter((name) => name.startsWith('resources/'))
  expect(held).toEqual(['resources/team/image-key/app-2'])
})

test('the new release is opened by the new key alone, and a rewrap needs both', async () => {
  const it = await place()
  expect(await rewrap(it, 'app-1')).toBe('input-missing')
  expect(await rewrap(it, 'app-2')).toBe('decryption-failed')
  expect(await rewrap(it, 'app-1', 'app-2')).toBe('done')
  const open = (tag: string, name: string): Promise<string> =>
    it.on(
      '2026-06-01',
      ...['decrypt', `oci:${join(it.directory, 'images')}:${tag}`, '--key-file', it.keyFile(name)],
      ...['--output', `oci:${join(it.directory, `${tag}-${name}`)}:plain`],
    )
  expect(await open('release-2', 'app-2')).toBe('done')
  expect(await open('release-2', 'app-1')).toBe('decryption-failed')
  expect(await open('release-1', 'app-1')).toBe('done')
})

test('a plan that leaves the old entry out takes its guests away at once; with its bytes deleted, a rule alone gives nothing back', async () => {
  const it = await place()
  expect(await it.publish('2026-05-01', only(it))).toBe('done')
  const alone = `  - {uri: "${next}", source: "file:${it.keyFile('app-2')}", ${sample}}\n`
  expect(await it.publish('2026-06-01', alone)).toBe('done')
  expect(await it.start('2026-06-01', 'release-1')).toBe('denied')
  // Its bytes are gone as well: a rule alone opens nothing.
  expect(await it.publish('2026-06-01', both(it))).toBe('done')
  expect(await it.start('2026-06-01', 'release-1')).toBe('kbs-error')
  expect(await it.publish('2026-06-01', `${only(it)}${alone}`)).toBe('done')
  expect(await it.start('2026-06-01', 'release-1')).toBe('done')
})
