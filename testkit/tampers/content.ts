import { readFile, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { sha256 } from '../../src/base/streams.ts'
import { loadImage } from '../../src/image/load.ts'
import { describeImage } from '../../src/sbom/scan.ts'
import { changed, at, makeKey } from '../chain.ts'
import { putSmallImage, smallBase, smallFiles } from '../small-image.ts'
import { question, type Finished, type Kit, type Question, type Tamper } from './kit.ts'

const changedFiles = { ...smallFiles, 'app/index.js': 'console.log("something else")\n' }
/** A manifest that cannot be read: the SBOM says so, and so does the gate's own pass. */
const brokenFiles = { ...smallFiles, 'app/node_modules/broken/package.json': '{"name":' }
const otherFiles = {
  ...smallFiles,
  'app/node_modules/right-pad/package.json': '{"name":"right-pad","version":"9.9.9"}',
}

/** Bytes, layers and encryption that are wrong. */
export const contentTampers: Tamper[] = [
  {
    name: 'SBOM of another image',
    reason: 'sbom-differs',
    prepare: async (kit) => describedAs(kit, smallFiles, otherFiles),
  },
  {
    name: 'one changed file with the old SBOM',
    reason: 'sbom-differs',
    prepare: async (kit) => describedAs(kit, changedFiles, smallFiles),
  },
  {
    name: 'package that cannot be read, with an SBOM that says so',
    reason: 'sbom-incomplete',
    prepare: async (kit) => describedAs(kit, brokenFiles, brokenFiles),
  },
  {
    name: 'truncated blob',
    reason: 'digest-mismatch',
    prepare: async (kit) => withLayer(kit, (bytes) => bytes.subarray(0, bytes.length >> 1)),
  },
  {
    name: 'digest mismatch',
    reason: 'digest-mismatch',
    prepare: async (kit) => withLayer(kit, (bytes) => bytes.fill(bytes[20] === 0 ? 1 : 0, 20, 21)),
  },
  { name: 'blob taken away', reason: 'missing-blob', prepare: async (kit) => withLayer(kit, () => null) },
  {
    name: 'path traversal in a layer',
    reason: 'path-escape',
    prepare: async (kit) => withEntry(kit, '../../etc/passwd'),
  },
  {
    name: 'file that other readers take for a folder',
    reason: 'archive-ambiguous',
    prepare: async (kit) => withEntry(kit, 'app/data/'),
  },
  {
    name: 'plain digest that is not the attested one',
    reason: 'encryption-link',
    prepare: async (kit) => {
      const found = await kit.finished()
      if (found.base.payloads.every(({ kind }) => kind !== 'encryption'))
        throw new Error('the image of the clean run is not encrypted')
      await kit.forge(found, {
        payload: (kind, payload) =>
          kind === 'encryption'
            ? changed(payload, (predicate) => void (at(predicate, 'plain')['manifest'] = sha256('another plain image')))
            : payload,
      })
      return question(kit, found)
    },
  },
  {
    name: 'gate without key on an encrypted image',
    reason: 'not-checked',
    prepare: async (kit) => {
      const found = await kit.finished()
      await kit.forge(found)
      return question(kit, found)
    },
  },
  {
    name: 'VSA by the key that signed the image',
    reason: 'self-verified',
    prepare: async (kit) => {
      const found = await kit.small()
      const key = makeKey()
      await kit.forge(found, { key })
      const pem = await kit.file('builder.pem', key.key.export({ format: 'pem', type: 'pkcs8' }).toString())
      return { ...question(kit, found), args: ['--signer', 'key', '--key', pem] }
    },
  },
]

async function answer(kit: Kit, found: Finished): Promise<Question> {
  await kit.forge(found)
  return question(kit, found)
}

/** An image with the documents of another one; the journal and all signatures say that they belong together. */
/** An image with one more entry, whose name is written as it stands, described as the one without it. */
async function withEntry(kit: Kit, path: string): Promise<Question> {
  const found = await kit.small()
  const subject = await putSmallImage(found.store, smallFiles, 'entry', path)
  const image = await loadImage(found.store, subject.digest)
  const documents = await describeImage(found.store, await loadImage(found.store, found.base.subject.digest))
  const base = await smallBase(found.store, subject, { ...documents, pass: { ...documents.pass, image } })
  return answer(kit, { ...found, base })
}

async function describedAs(
  kit: Kit,
  files: Readonly<Record<string, string>>,
  documentsOf: Readonly<Record<string, string>>,
): Promise<Question> {
  const found = await kit.small()
  const other = await putSmallImage(found.store, documentsOf, 'other')
  const documents = await describeImage(found.store, await loadImage(found.store, other.digest))
  const subject = await putSmallImage(found.store, files, 'tampered')
  return answer(kit, { ...found, base: await smallBase(found.store, subject, documents) })
}

async function withLayer(kit: Kit, change: (bytes: Buffer) => Buffer | null): Promise<Question> {
  const found = await kit.small()
  const asked = await answer(kit, found)
  const image = await loadImage(found.store, found.base.subject.digest)
  const hex = image.manifest.layers[0]?.digest.slice('sha256:'.length) ?? ''
  const path = join(found.layout, 'blobs/sha256', hex)
  const bytes = change(await readFile(path))
  await rm(path)
  if (bytes !== null) await writeFile(path, bytes)
  return asked
}
