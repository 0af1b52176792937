import { cpSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { openStore } from '../../src/oci/open.ts'
import { parseReference } from '../../src/oci/reference.ts'
import { isIndex } from '../../src/oci/manifest.ts'
import type { Descriptor, Store } from '../../src/oci/types.ts'
import { foundContent, type FoundContent } from '../../src/verify/found-content.ts'
import { parsePolicy, type Policy } from '../../src/verify/policy/load.ts'
import type { Verdict } from '../../src/verify/types.ts'
import { verifyImage } from '../../src/verify/verify-image.ts'
import { policyText } from '../../testkit/policy-text.ts'
import { forgeChain, makeIssuer } from '../../testkit/chain.ts'
import { scratch, testPorts } from '../../testkit/ports.ts'
import { putSmallImage, smallBase, smallFiles } from '../../testkit/small-image.ts'

/** A promotion verifies the same image twice: what the layers hold is found once, that they are there is checked each time. */
const ports = testPorts()
const issuer = makeIssuer()

interface Place {
  readonly folder: string
  readonly image: Descriptor
  readonly layers: readonly Descriptor[]
  readonly policy: Policy
}

async function place(): Promise<Place> {
  const folder = join(scratch('found'), 'layout')
  const store = openStore(parseReference(`oci:${folder}`, '/'), ports)
  const base = await smallBase(store, await putSmallImage(store, smallFiles))
  await forgeChain(store, base, { issuer, at: new Date() })
  const { content } = await store.getManifest(base.subject.digest)
  if (isIndex(content)) throw new Error('an index')
  const policy = await parsePolicy(policyText(base, issuer, {}), '/policy.yml')
  return { folder, image: base.subject, layers: content.layers, policy }
}

/** Counts what is found anew, and what is read. */
function watching(): { found: FoundContent; added: string[]; read: string[]; view: (store: Store) => Store } {
  const real = foundContent()
  const [added, read]: [string[], string[]] = [[], []]
  return {
    added,
    read,
    found: {
      get: (image) => real.get(image),
      add: (image, is) => {
        added.push(image.descriptor.digest)
        real.add(image, is)
      },
    },
    view: (store) =>
      new Proxy(store, {
        get: (target, name) => {
          const value: unknown = Reflect.get(target, name)
          if (name !== 'openBlob' || typeof value !== 'function') return value
          return (blob: Descriptor, how: unknown): unknown => {
            read.push(blob.digest)
            return Reflect.apply(value, target, [blob, how])
          }
        },
      }),
  }
}

const verify = (
  { image, policy }: Place,
  folder: string,
  { found, view }: ReturnType<typeof watching>,
): Promise<Verdict> => verifyImage(`oci:${folder}@${image.digest}`, policy, { foundContent: found, view }, ports)

test('a copy is read whole and not unpacked again, and the verdict is the same', async () => {
  const here = await place()
  const watched = watching()
  const first = await verify(here, here.folder, watched)
  expect(first.verified).toBe(true)
  const copy = join(scratch('found'), 'copy')
  cpSync(here.folder, copy, { recursive: true })
  watched.read.length = 0
  const second = await verify(here, copy, watched)
  expect(watched.added).toEqual([here.image.digest])
  for (const { digest } of here.layers) expect(watched.read).toContain(digest)
  expect(second).toMatchObject({ verified: true, checks: first.checks })
})

test.each([
  [
    'other bytes of the same length',
    (bytes: Buffer) => Buffer.from(bytes.map((byte, i) => (i === 40 ? byte ^ 1 : byte))),
  ],
  ['fewer bytes', (bytes: Buffer) => bytes.subarray(0, -1)],
  ['more bytes', (bytes: Buffer) => Buffer.concat([bytes, Buffer.alloc(1)])],
  ['no bytes', () => Buffer.alloc(0)],
])('a copy whose layer has %s is refused', async (_name, change) => {
  const here = await place()
  const watched = watching()
  await verify(here, here.folder, watched)
  const copy = join(scratch('found'), 'copy')
  cpSync(here.folder, copy, { recursive: true })
  const file = join(copy, 'blobs/sha256', here.layers[0]?.digest.slice(7) ?? '')
  writeFileSync(file, change(readFileSync(file)))
  const verdict = await verify(here, copy, watched)
  expect(verdict.verified).toBe(false)
  expect(verdict.reasons).toEqual(['digest-mismatch'])
})

test('a refusal is not remembered', async () => {
  const here = await place()
  const watched = watching()
  const file = join(here.folder, 'blobs/sha256', here.layers[0]?.digest.slice(7) ?? '')
  const good = readFileSync(file)
  writeFileSync(file, Buffer.alloc(good.length))
  expect((await verify(here, here.folder, watched)).verified).toBe(false)
  writeFileSync(file, good)
  expect((await verify(here, here.folder, watched)).verified).toBe(true)
  expect(watched.added).toEqual([here.image.digest])
})
